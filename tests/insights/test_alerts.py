"""Alerts: to whom who asked, once, when they are due; a critical one at once; a webhook's through the outbox."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from apps.insights.domain.signals import Figures, Signal
from apps.insights.models import Alert, Insight
from apps.insights.services import alerting, attending
from apps.organizations import services
from apps.organizations.models import Application, Membership, Organization
from apps.organizations.services import webhooks
from apps.platform import clock
from apps.platform.models import WebhookDelivery, WorkItem
from apps.platform.tenancy import tenant
from tests.factories import AT, ESCALATIONS, make_application, make_insight, make_organization
from tests.portal.world import HOSTILE, make_member

pytestmark = pytest.mark.django_db
LEAKS = Signal(
    "threshold", "successful_attacks", "successful_attacks", "critical", "Successful attacks is above 0",
    Figures(3.0, "attacks", 3),
)  # fmt: skip


@pytest.fixture
def organization() -> Organization:
    return make_organization(zone="Europe/Berlin", sandbox=True, clock_at=AT)


def subscribe(organization: Organization, **said: Any) -> None:
    with tenant(organization.id):
        alerting.subscribe(organization_id=organization.id, at=AT, actor="test", **said)


def find(organization: Organization, signal: Signal = ESCALATIONS, at: datetime = AT) -> Insight:
    application = make_application(organization)
    with tenant(organization.id):
        return make_insight(Application.objects.get(id=application.id), signal, at)


def work_off(organization: Organization) -> list[timedelta]:
    """Do what is asked for, once; return how long until the rest."""
    waits = []
    for item in WorkItem.objects.filter(organization=organization, kind=alerting.SEND):
        item.delete()
        alerting.send_due(organization_id=organization.id, subscription_id=item.key)
        waits += [
            each.due_at - each.created_at
            for each in WorkItem.objects.filter(organization=organization, kind=alerting.SEND, key=item.key)
        ]
    return waits


def test_a_person_who_asked_hears_of_it_once_and_of_nothing_below_their_floor(organization: Organization) -> None:
    ana = make_member(organization, "analyst", "ana@a.test")
    subscribe(organization, person_id=ana.pk, floor="medium")
    subscribe(organization, team="business", floor="high")
    make_member(organization, "viewer", "bo@a.test")

    insight = find(organization)
    work_off(organization)
    find(organization)
    work_off(organization)

    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["ana@a.test"], "[Flywheel] Medium: Escalation rate is above 20%")
    assert f"/insights/{insight.public_id}/" in sent.body
    with tenant(organization.id):
        assert [each.state for each in Alert.objects.all()] == ["sent"]


def test_a_critical_one_asks_for_work_at_once_whatever_the_hour(organization: Organization) -> None:
    ana = make_member(organization, "analyst", "ana@a.test")
    subscribe(organization, person_id=ana.pk, floor="low", digest_hour=8)
    find(organization)
    (waiting,) = WorkItem.objects.filter(organization=organization, kind=alerting.SEND)
    assert waiting.due_at - waiting.created_at == timedelta(hours=19)

    find(organization, LEAKS)

    assert WorkItem.objects.get(id=waiting.id).due_at <= clock.wall()
    assert work_off(organization) == [timedelta(hours=19)]
    assert [each.subject for each in mail.outbox] == ["[Flywheel] Critical: Successful attacks is above 0"]


def test_a_digest_brings_together_what_still_goes_on(organization: Organization) -> None:
    ana = make_member(organization, "analyst", "ana@a.test")
    subscribe(organization, person_id=ana.pk, floor="low", digest_hour=8)
    other = Signal(
        "pattern",
        "generic_responses",
        "generic_responses",
        "medium",
        "Generic\nresponses",
        Figures(0.1, "fraction", 50),
    )
    over = Signal("trend", "upsell_rate", "upsell_rate", "low", "Upsells rise", Figures(0.1, "fraction", 50))
    for signal in (ESCALATIONS, other, over):
        find(organization, signal)
    with tenant(organization.id):
        Insight.objects.filter(key="upsell_rate").update(state="resolved", resolved_at=AT)
    organization.clock_at = AT + timedelta(hours=19)
    organization.save()

    work_off(organization)

    (sent,) = mail.outbox
    assert sent.subject == f"[Flywheel] 2 insights of {organization.name}"
    assert "Upsells rise" not in sent.body
    with tenant(organization.id):
        assert sorted(Alert.objects.values_list("state", flat=True)) == ["sent", "sent", "withdrawn"]


def test_a_team_hears_of_what_it_is_given_and_everybody_alone(organization: Organization) -> None:
    for name in ("eva", "eli"):
        services.add_member(
            organization_id=organization.id, user=make_member(make_organization(), "viewer", f"{name}@a.test"),
            role="viewer", team="engineering", at=AT, actor="test",
        )  # fmt: skip
    subscribe(organization, team="engineering", floor="critical")
    insight = find(organization)
    with tenant(organization.id):
        attending.assign(insight_id=insight.id, team="engineering", at=AT, actor="ana@a.test")
    work_off(organization)

    assert sorted(each.to for each in mail.outbox) == [["eli@a.test"], ["eva@a.test"]]
    assert all("given to your team by ana@a.test" in each.body for each in mail.outbox)


def test_somebody_who_has_left_hears_of_nothing_more(organization: Organization) -> None:
    make_member(organization, "owner", "owner@a.test")
    ana = make_member(organization, "analyst", "ana@a.test")
    subscribe(organization, person_id=ana.pk, floor="low")
    find(organization)
    Membership.objects.filter(user=ana).delete()
    work_off(organization)

    assert mail.outbox == []


def test_a_webhook_that_subscribes_is_told_through_the_outbox_once(organization: Organization) -> None:
    with tenant(organization.id):
        endpoint = webhooks.create_endpoint(
            organization_id=organization.id, name="ops", url="https://hooks.example.test/", events=[], shape="slack",
            at=AT, actor="test",
        ).row  # fmt: skip
    subscribe(organization, endpoint=endpoint, floor="medium")
    find(organization)
    work_off(organization)
    work_off(organization)

    with tenant(organization.id):
        (delivery,) = WebhookDelivery.objects.select_related("event")
        assert delivery.event.summary == "Medium: Escalation rate is above 20% (Support, new)"
        assert Alert.objects.get().state == "sent"


def test_what_gets_graver_alerts_those_who_wanted_only_the_grave(organization: Organization) -> None:
    ana = make_member(organization, "analyst", "ana@a.test")
    subscribe(organization, person_id=ana.pk, floor="high")
    find(organization)
    assert work_off(organization) == []

    worse = Signal(**{**vars(ESCALATIONS), "severity": "high"})
    organization.clock_at = AT + timedelta(days=7)
    organization.save()
    find(organization, worse, AT + timedelta(days=7))
    work_off(organization)

    (sent,) = mail.outbox
    assert "now high" in sent.body


@pytest.mark.parametrize("text", [*HOSTILE, "leaks\r\nBcc: evil@evil.example\n\n<script>"])
def test_what_attackers_wrote_is_plain_text_in_mail_and_adds_no_header(organization: Organization, text: str) -> None:
    ana = make_member(organization, "analyst", "ana@a.test")
    subscribe(organization, person_id=ana.pk, floor="low")

    find(organization, replace(LEAKS, title=text))
    work_off(organization)

    (message,) = mail.outbox
    sent = message.message()
    assert (sent.get_content_type(), sent.is_multipart()) == ("text/plain", False)
    assert message.recipients() == ["ana@a.test"]
    assert sent["Bcc"] is None
    assert "\n" not in message.subject
