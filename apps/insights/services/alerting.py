"""Alerts: raised with the insight they tell of, sent when they are due, once each.

To a webhook an alert is an event of the outbox. To people it is an e-mail: sent outside any transaction, and marked
sent after it. A worker killed between the two sends it again, under the same Message-ID, rather than never.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage

from apps.insights.domain.alerting import due, wants
from apps.insights.models import Alert, AlertSubscription, Insight
from apps.organizations.models import Membership, Organization
from apps.organizations.selectors import members_of
from apps.organizations.services import record_audit
from apps.platform import clock, outbox, work
from apps.platform.identifiers import new_identifier
from apps.platform.models import WebhookEndpoint
from apps.platform.tenancy import tenant

SEND = "insights.send_alerts"
_MOST_AT_ONCE = 50


@dataclass(frozen=True)
class _Mail:
    """What is sent to whom; ``alerts`` are marked when it is."""

    to: list[str]
    subject: str
    body: str
    message_id: str
    alerts: list[int]


def raise_alerts(insight: Insight, *, why: str, at: datetime) -> None:
    """Have everybody who wants to hear of this insight hear of it, once. Call inside tenant(...)."""
    for subscription in AlertSubscription.objects.order_by("id"):
        if wants(subscription.wish, severity=insight.severity, metric=insight.metric):  # type: ignore[arg-type]
            _raise(insight, subscription, why=why, at=at)


def alert_team(insight: Insight, *, why: str, at: datetime) -> None:
    """Have the team it was given to hear of it, however grave it is, if the team hears of anything. In tenant(...)."""
    for subscription in AlertSubscription.objects.filter(team=insight.team):
        _raise(insight, subscription, why=why, at=at)


def _raise(insight: Insight, subscription: AlertSubscription, *, why: str, at: datetime) -> None:
    zone = insight.application.organization.zone
    alert, made = Alert.objects.get_or_create(
        organization_id=insight.organization_id, insight=insight, subscription=subscription,
        defaults={
            "why": why[:200], "raised_at": at,
            "due_at": due(subscription.wish, severity=insight.severity, at=at, zone=zone),  # type: ignore[arg-type]
        },
    )  # fmt: skip
    if made:
        _ask(subscription, alert.due_at - at)


def send_due(*, organization_id: int, subscription_id: str) -> None:
    """Send what is due of one subscription, together; ask for the rest. Call outside tenant(...)."""
    organization = Organization.objects.get(id=organization_id)
    at = clock.now(organization)
    with tenant(organization_id):
        subscription = (
            AlertSubscription.objects.select_related("endpoint", "person").filter(public_id=subscription_id).first()
        )
        if subscription is None:
            return
        mail = _prepare(organization, subscription, at)
    if mail is not None:
        _send(mail)
        with tenant(organization_id):
            Alert.objects.filter(id__in=mail.alerts).update(state=Alert.State.SENT, sent_at=clock.now(organization))


def _prepare(organization: Organization, subscription: AlertSubscription, at: datetime) -> _Mail | None:
    """Return the mail to send; None for none, or where a webhook was told within this transaction."""
    pending = Alert.objects.filter(subscription=subscription, state=Alert.State.PENDING)
    # What is over before it was told of is no news.
    pending.filter(insight__state=Insight.State.RESOLVED).update(state=Alert.State.WITHDRAWN)
    rows = pending.select_related("insight__application").order_by("due_at", "id")
    alerts = list(rows.filter(due_at__lte=at)[:_MOST_AT_ONCE])
    later = rows.exclude(id__in=[each.id for each in alerts]).first()
    if later is not None:
        _ask(subscription, later.due_at - at)
    if not alerts:
        return None
    if subscription.endpoint is not None:
        for alert in alerts:
            _tell(subscription.endpoint, alert, at)
        Alert.objects.filter(id__in=[each.id for each in alerts]).update(state=Alert.State.SENT, sent_at=at)
        return None
    to = _people(organization, subscription)
    if not to:
        # Whoever asked has left: nobody is told, and nobody is told later.
        Alert.objects.filter(id__in=[each.id for each in alerts]).update(state=Alert.State.WITHDRAWN)
        return None
    return _compose(organization, subscription, alerts, to)


def _people(organization: Organization, subscription: AlertSubscription) -> list[str]:
    return [
        each.user.email
        for each in members_of(organization_id=organization.id)
        if each.user.email and each.user.is_active and _hears(each, subscription)
    ]


def _hears(member: Membership, subscription: AlertSubscription) -> bool:
    if subscription.team:
        return member.team == subscription.team
    return member.user_id == subscription.person_id


def _tell(endpoint: WebhookEndpoint, alert: Alert, at: datetime) -> None:
    insight = alert.insight
    outbox.tell_endpoint(
        endpoint, outbox.ALERT, key=f"{insight.public_id} {endpoint.public_id}", at=at,
        summary=f"{_headline(insight)} ({insight.application.name}, {alert.why})",
        path=f"/insights/{insight.public_id}/",
        payload={
            "insight": insight.public_id, "application": insight.application.slug, "severity": insight.severity,
            "kind": insight.kind, "statement": insight.statement, "why": alert.why,
        },
    )  # fmt: skip


def _compose(
    organization: Organization, subscription: AlertSubscription, alerts: Sequence[Alert], to: list[str]
) -> _Mail:  # fmt: skip
    told = [
        f"{_headline(each.insight)}\n{each.insight.application.name}, {each.why}\n"
        f"{settings.SITE_URL}/insights/{each.insight.public_id}/"
        for each in alerts
    ]
    subject = _headline(alerts[0].insight) if len(alerts) == 1 else f"{len(alerts)} insights of {organization.name}"
    why = f"You hear of this because {subscription.team or 'you'} asked to: {settings.SITE_URL}/alerts/"
    names = f"{organization.id} {subscription.public_id} {[each.id for each in alerts]}"
    return _Mail(
        to=to,
        # Statements quote what logs call an agent or a version: a header is one line.
        subject=" ".join(f"[Flywheel] {subject}".split())[:200],
        body="\n\n".join([*told, why]) + "\n",
        message_id=f"<{hashlib.sha256(names.encode()).hexdigest()[:32]}@flywheel>",
        alerts=[each.id for each in alerts],
    )


def _headline(insight: Insight) -> str:
    return f"{insight.severity.capitalize()}: {insight.statement}"


def _send(mail: _Mail) -> None:
    """Send to each alone: nobody is shown who else hears of it."""
    for address in mail.to:
        EmailMessage(mail.subject, mail.body, to=[address], headers={"Message-ID": mail.message_id}).send()


def _ask(subscription: AlertSubscription, delay: timedelta) -> None:
    work.ask(
        SEND, organization_id=subscription.organization_id, key=subscription.public_id, delay=max(delay, timedelta())
    )


def subscribe(
    *,
    organization_id: int,
    at: datetime,
    actor: str,
    person_id: int | None = None,
    team: str = "",
    endpoint: WebhookEndpoint | None = None,
    **wish: object,
) -> AlertSubscription:
    """Have a person, a team or an endpoint hear of new insights, or change what they hear of. Call inside tenant(...).

    ``wish`` are the fields of Wish.
    """
    row: AlertSubscription
    row, made = AlertSubscription.objects.update_or_create(
        organization_id=organization_id, person_id=person_id, team=team, endpoint=endpoint, defaults=wish,
        create_defaults={"public_id": new_identifier("s"), "made_by": actor, "made_at": at, **wish},
    )  # fmt: skip
    _audit(row, "alerts.subscribed" if made else "alerts.changed", at=at, actor=actor)
    return row


def unsubscribe(*, subscription: AlertSubscription, at: datetime, actor: str) -> None:
    """Have nobody hear through it any more. Call inside tenant(...)."""
    _audit(subscription, "alerts.unsubscribed", at=at, actor=actor)
    subscription.delete()


def _audit(row: AlertSubscription, action: str, *, at: datetime, actor: str) -> None:
    who = row.team or (f"webhook {row.endpoint.public_id}" if row.endpoint else "themselves")
    record_audit(
        organization_id=row.organization_id, at=at, actor=actor, action=action, subject=row.public_id, who=who,
        floor=row.floor,
    )  # fmt: skip
