"""Webhook endpoints: made, given a new secret, switched off and on, removed. Secrets are shown once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.organizations.services.auditing import record_audit
from apps.platform import outbound, outbox, signing, work
from apps.platform.identifiers import new_identifier
from apps.platform.models import WebhookDelivery, WebhookEndpoint

# The secret before signs this long beside the new one, so that receivers can change over.
OVERLAP = timedelta(days=1)
MOST = 20
# DNS has no longer ones.
_LONGEST_HOST = 253


class BadEndpoint(ValueError):
    """This cannot be an endpoint; the message says why."""


@dataclass(frozen=True)
class NewEndpoint:
    """An endpoint with a secret just made, which is shown once; empty for Slack's shape, which has none."""

    row: WebhookEndpoint
    secret: str


def create_endpoint(
    *, organization_id: int, name: str, url: str, events: Sequence[str], shape: str, at: datetime, actor: str
) -> NewEndpoint:
    """Make an endpoint. Call inside tenant(...). Raises BadEndpoint, also for an address we would never connect to."""
    target = _checked(name, url, events, shape)
    if WebhookEndpoint.objects.count() >= MOST:
        raise BadEndpoint(f"an organization has at most {MOST} endpoints")
    secret = "" if shape == WebhookEndpoint.Shape.SLACK else signing.new_secret()
    row: WebhookEndpoint = WebhookEndpoint.objects.create(
        organization_id=organization_id, public_id=new_identifier("w"), name=name, url=url, host=target.host,
        shape=shape, events=sorted(set(events)), secret=secret or None, created_by=actor, created_at=at,
    )  # fmt: skip
    _audit(row, "webhook.made", at=at, actor=actor, host=row.host, events=row.events)
    return NewEndpoint(row, secret)


def rotate_secret(*, endpoint: WebhookEndpoint, at: datetime, wall: datetime, actor: str) -> NewEndpoint:
    """Make a new secret; both sign for a day. Call inside tenant(...). Raises BadEndpoint where there is none."""
    if endpoint.shape == WebhookEndpoint.Shape.SLACK:
        raise BadEndpoint("Slack's shape is not signed: make a new address there, and an endpoint for it")
    secret = signing.new_secret()
    endpoint.secret_before, endpoint.secret_before_until = endpoint.secret, wall + OVERLAP
    endpoint.secret = secret
    endpoint.save(update_fields=["secret", "secret_before", "secret_before_until"])
    _audit(endpoint, "webhook.rotated", at=at, actor=actor)
    return NewEndpoint(endpoint, secret)


def disable(*, endpoint: WebhookEndpoint, at: datetime, wall: datetime, actor: str) -> None:
    """Send nothing to it from now on. Call inside tenant(...)."""
    if endpoint.disabled_at is None:
        endpoint.disabled_at, endpoint.disabled_reason = wall, f"by {actor}"
        endpoint.save(update_fields=["disabled_at", "disabled_reason"])
        _audit(endpoint, "webhook.disabled", at=at, actor=actor)


def enable(*, endpoint: WebhookEndpoint, at: datetime, actor: str) -> None:
    """Send to it again, first what waited; what happened meanwhile is sent by a replay. Call inside tenant(...)."""
    if endpoint.disabled_at is None:
        return
    endpoint.disabled_at, endpoint.disabled_reason, endpoint.failing_since = None, "", None
    endpoint.save(update_fields=["disabled_at", "disabled_reason", "failing_since"])
    _audit(endpoint, "webhook.enabled", at=at, actor=actor)
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=WebhookDelivery.State.PENDING)
    for delivery_id in waiting.values_list("id", flat=True)[:1000]:
        work.ask(outbox.DELIVER, organization_id=endpoint.organization_id, key=str(delivery_id))


def remove(*, endpoint: WebhookEndpoint, at: datetime, actor: str) -> None:
    """Forget it and its deliveries. Call inside tenant(...)."""
    _audit(endpoint, "webhook.removed", at=at, actor=actor, host=endpoint.host)
    endpoint.delete()


def send_test(*, endpoint: WebhookEndpoint, at: datetime, actor: str) -> str:
    """Send it a first message; return the event's id. Call inside tenant(...)."""
    event = outbox.tell_endpoint(
        endpoint, outbox.TEST, key=new_identifier("t"), at=at, path="",
        summary=f"A test of the webhook {endpoint.name}, asked for by {actor}.",
        payload={"endpoint": endpoint.public_id},
    )  # fmt: skip
    _audit(endpoint, "webhook.tested", at=at, actor=actor)
    return event.public_id


def _checked(name: str, url: str, events: Sequence[str], shape: str) -> outbound.Target:
    if not name.strip() or len(name) > 100:
        raise BadEndpoint("a name has 1 to 100 characters")
    if len(url) > 2_000:
        raise BadEndpoint("an address has at most 2,000 characters")
    if shape not in WebhookEndpoint.Shape.values:
        raise BadEndpoint(f"a shape is one of {', '.join(WebhookEndpoint.Shape.values)}")
    if unknown := sorted(set(events) - set(outbox.KINDS)):
        raise BadEndpoint(f"there is no event {unknown[0]!r}; there are {', '.join(outbox.KINDS)}")
    try:
        target = outbound.check_url(url)
    except outbound.Refused as error:
        raise BadEndpoint(str(error)) from error
    if len(target.host) > _LONGEST_HOST:
        raise BadEndpoint(f"the name of a host has at most {_LONGEST_HOST} characters")
    return target


def _audit(endpoint: WebhookEndpoint, action: str, *, at: datetime, actor: str, **detail: object) -> None:
    record_audit(
        organization_id=endpoint.organization_id, at=at, actor=actor, action=action, subject=endpoint.public_id,
        **detail,
    )  # fmt: skip
