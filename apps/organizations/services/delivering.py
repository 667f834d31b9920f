"""Deliveries: sent outside any transaction, tried again with patience, and an endpoint that never answers is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from apps.organizations.services.auditing import record_audit
from apps.platform import clock, outbound, signing, work
from apps.platform.models import OutboxEvent, WebhookDelivery, WebhookEndpoint
from apps.platform.outbox import DELIVER, deliver_to
from apps.platform.tenancy import tenant

# How long after each attempt the next one is made; after the last, a day and a half in all, it has failed.
BACKOFF = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3_600, 10_800, 28_800, 86_400)
)  # fmt: skip
# An endpoint that gave no good answer for so long is left, once an event has failed for good.
_LONG_ENOUGH = timedelta(hours=12)
_TIMEOUT = 10.0
_AT_ONCE = 500
# Rules read by a clock are actors too: this is the one they write into the audit trail.
_RULES = "flywheel"


@dataclass(frozen=True)
class _Parcel:
    """What is sent, read in one transaction and sent after it."""

    url: str
    body: bytes
    headers: dict[str, str]


def deliver(*, organization_id: int, delivery_id: int, at: datetime) -> None:
    """Try to deliver once, and say when to try again. ``at`` is wall time. Call outside tenant(...)."""
    with tenant(organization_id):
        delivery = WebhookDelivery.objects.select_related("endpoint", "event").filter(id=delivery_id).first()
        if delivery is None or delivery.state != WebhookDelivery.State.PENDING or delivery.endpoint.disabled_at:
            return
        parcel = _pack(delivery.endpoint, delivery.event, at)
    status, error = _send(parcel)
    with tenant(organization_id):
        _record(delivery_id, status, error, at)


def send_again(*, delivery: WebhookDelivery, at: datetime, actor: str) -> None:
    """Have it delivered from the first attempt, though it was before: receivers know it by its id. In tenant(...)."""
    delivery.state, delivery.attempts, delivery.next_at = WebhookDelivery.State.PENDING, 0, None
    delivery.save(update_fields=["state", "attempts", "next_at"])
    record_audit(
        organization_id=delivery.organization_id, at=at, actor=actor, action="webhook.sent_again",
        subject=delivery.endpoint.public_id, event=delivery.event.public_id,
    )  # fmt: skip
    work.ask(DELIVER, organization_id=delivery.organization_id, key=str(delivery.id))


def replay(*, endpoint: WebhookEndpoint, since: datetime, at: datetime, actor: str) -> int:
    """Deliver what happened since and was not delivered, of the kinds the endpoint asks for; return how many.

    At most 500 at once, the oldest first. ``since`` and the events' times are the organization's. In tenant(...).
    """
    missed = OutboxEvent.objects.filter(at__gte=since, kind__in=endpoint.events).exclude(
        deliveries__in=WebhookDelivery.objects.filter(endpoint=endpoint, state=WebhookDelivery.State.DELIVERED)
    )
    events = list(missed.order_by("id")[:_AT_ONCE])
    for event in events:
        delivery = deliver_to(endpoint, event)
        if delivery.state == WebhookDelivery.State.FAILED:
            delivery.state, delivery.attempts, delivery.next_at = WebhookDelivery.State.PENDING, 0, None
            delivery.save(update_fields=["state", "attempts", "next_at"])
        work.ask(DELIVER, organization_id=endpoint.organization_id, key=str(delivery.id))
    record_audit(
        organization_id=endpoint.organization_id, at=at, actor=actor, action="webhook.replayed",
        subject=endpoint.public_id, since=since.isoformat(), events=len(events),
    )  # fmt: skip
    return len(events)


def _pack(endpoint: WebhookEndpoint, event: OutboxEvent, at: datetime) -> _Parcel:
    url = f"{settings.SITE_URL}{event.path}" if event.path else ""
    told = signing.Told(event.public_id, event.kind, event.at, event.summary, url, event.payload)
    headers = {"Content-Type": "application/json", "User-Agent": "Flywheel-Webhooks/1"}
    if endpoint.shape == WebhookEndpoint.Shape.SLACK:
        return _Parcel(endpoint.url, signing.slack_body(told), headers)
    body = signing.standard_body(told)
    valid = [endpoint.secret]
    if endpoint.secret_before_until is not None and endpoint.secret_before_until > at:
        valid.append(endpoint.secret_before)
    return _Parcel(endpoint.url, body, headers | signing.sign(body, message_id=event.public_id, at=at, secrets=valid))


def _send(parcel: _Parcel) -> tuple[int | None, str]:
    """Return the status, or why there was none. What the receiver says beside its status is not kept."""
    try:
        reply = outbound.post(parcel.url, parcel.body, headers=parcel.headers, timeout=_TIMEOUT)
    except (outbound.Refused, outbound.Unreachable) as error:
        return None, str(error)[:300]
    return reply.status, "" if 200 <= reply.status < 300 else f"answered {reply.status}"


def _record(delivery_id: int, status: int | None, error: str, at: datetime) -> None:
    rows = WebhookDelivery.objects.select_for_update(of=("self", "endpoint")).select_related("endpoint", "event")
    delivery: WebhookDelivery | None = rows.filter(id=delivery_id).first()
    if delivery is None:
        return
    endpoint = delivery.endpoint
    delivery.attempts, delivery.status, delivery.error = delivery.attempts + 1, status, error
    delivery.tried_at, delivery.next_at = at, None
    if not error:
        delivery.state, endpoint.failing_since = WebhookDelivery.State.DELIVERED, None
    else:
        endpoint.failing_since = endpoint.failing_since or at
        if status == 410:
            delivery.state = WebhookDelivery.State.FAILED
            _disable(endpoint, at, "it answered 410: it is gone")
        elif delivery.attempts > len(BACKOFF):
            delivery.state = WebhookDelivery.State.FAILED
            if endpoint.failing_since <= at - _LONG_ENOUGH:
                _disable(endpoint, at, f"nothing was delivered since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC")
        else:
            delay = BACKOFF[delivery.attempts - 1]
            delivery.next_at = at + delay
            work.ask(DELIVER, organization_id=delivery.organization_id, key=str(delivery.id), delay=delay)
    delivery.save()
    endpoint.save(update_fields=["failing_since", "disabled_at", "disabled_reason"])


def _disable(endpoint: WebhookEndpoint, at: datetime, reason: str) -> None:
    endpoint.disabled_at, endpoint.disabled_reason = at, reason
    record_audit(
        organization_id=endpoint.organization_id, at=clock.now(endpoint.organization), actor=_RULES,
        action="webhook.disabled", subject=endpoint.public_id, reason=reason,
    )  # fmt: skip
