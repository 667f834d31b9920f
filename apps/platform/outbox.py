"""The outbox: what happened is written with it, in one transaction, and whoever asked to hear of it does.

A change that rolls back was never told of; one that commits is, even if every process dies the moment after.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.platform import work
from apps.platform.identifiers import new_identifier
from apps.platform.models import OutboxEvent, WebhookDelivery, WebhookEndpoint
from apps.platform.tenancy import current_organization_id

# The work of one delivery; its key is the delivery's id.
DELIVER = "organizations.deliver"
# Every kind of event there is, with what has happened then. An endpoint may ask for each.
KINDS: Mapping[str, str] = {
    "insight.opened": "something was found that was not going on before",
    "insight.resolved": "what an insight tells of is no longer so",
    "improvement.proposed": "a change was proposed, by the playbook or by a person",
    "experiment.decided": "an experiment was promoted, lost, or ended without a winner",
    "rollout.rolled_back": "an experiment or a rollout was taken back from everybody",
    "guardrail.switched_off": "a guardrail blocked the harmless and switched itself off",
    "report.ready": "a report that was asked for, or was due, is written and frozen",
    "cycle.finished": "a turn of the wheel has done all of its stages",
    "cycle.failed": "a stage of a turn failed as often as it is tried",
}
# Sent to endpoints that are named, never to whoever asks for a kind.
ALERT = "insight.alert"
TEST = "webhook.test"


def emit(
    kind: str, *, key: str, at: datetime, summary: str, path: str = "", payload: Mapping[str, Any]
) -> OutboxEvent | None:
    """Tell that something happened to ``key``, once. Call inside tenant(...), in the transaction that made it happen.

    ``summary`` is a sentence for people, ``path`` where the portal shows it, ``payload`` plain JSON. Returns None where
    it was told before.
    """
    assert kind in KINDS, f"{kind} is no kind of event that endpoints can ask for"
    event, made = _write(kind, key=key, at=at, summary=summary, path=path, payload=payload)
    if not made:
        return None
    for endpoint in WebhookEndpoint.objects.filter(disabled_at=None, events__contains=[kind]).order_by("id"):
        deliver_to(endpoint, event)
    return event


def tell_endpoint(
    endpoint: WebhookEndpoint, kind: str, *, key: str, at: datetime, summary: str, path: str, payload: Mapping[str, Any]
) -> OutboxEvent:
    """Tell one endpoint, and nobody else, that something happened to ``key``, once. Call inside tenant(...)."""
    event, made = _write(kind, key=key, at=at, summary=summary, path=path, payload=payload)
    if made:
        deliver_to(endpoint, event)
    return event


def deliver_to(endpoint: WebhookEndpoint, event: OutboxEvent) -> WebhookDelivery:
    """Have an event delivered to an endpoint; one on its way there already stays as it is."""
    delivery: WebhookDelivery
    delivery, made = WebhookDelivery.objects.get_or_create(
        organization_id=endpoint.organization_id, endpoint=endpoint, event=event
    )
    if made:
        work.ask(DELIVER, organization_id=endpoint.organization_id, key=str(delivery.id))
    return delivery


def _write(
    kind: str, *, key: str, at: datetime, summary: str, path: str, payload: Mapping[str, Any]
) -> tuple[OutboxEvent, bool]:
    return OutboxEvent.objects.get_or_create(
        organization_id=current_organization_id(), kind=kind, key=key,
        defaults={
            "public_id": new_identifier("v"), "summary": summary, "path": path[:300], "payload": dict(payload),
            "at": at,
        },
    )  # fmt: skip
