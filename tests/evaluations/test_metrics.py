"""Metrics from rollups equal those from facts; groups, late truths and time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.demo.production import simulate_week
from apps.evaluations import selectors
from apps.evaluations.domain.tally import Tally
from apps.evaluations.domain.trends import name_period, trend_of_revenue
from apps.evaluations.models import Assessment, ConversationFact, DailyRollup
from apps.evaluations.selectors import Filters
from apps.evaluations.selectors import rollups as tallied
from apps.evaluations.services import assessing, rollups
from apps.organizations.models import Organization
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from tests.factories import capture, make_application, make_key, make_organization

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 2, tzinfo=UTC)


def get(organization: Organization, path: str) -> Any:
    return Client().get(path, headers={"Authorization": f"Bearer {make_key(organization)}"}).json()


def roll_up_all(organization: Organization) -> None:
    for item in WorkItem.objects.filter(organization=organization, kind="evaluations.roll_up"):
        application_id, day = item.key.split(":")
        rollups.roll_up(
            organization_id=organization.id,
            application_id=int(application_id),
            day=datetime.fromisoformat(day).date(),
        )
        item.delete()


@pytest.fixture
def organization() -> Organization:
    made = make_organization()
    week = simulate_week(seed=3, conversations=60, start=START)
    capture(made, [record for simulated in week for record in simulated.records])
    return made


def test_metrics_are_the_same_before_and_after_their_rollups(organization: Organization) -> None:
    before = get(organization, "/api/v1/metrics?application=support")
    roll_up_all(organization)
    after = get(organization, "/api/v1/metrics?application=support")

    assert before["conversations"] == 60
    assert before["quality"]["avg_score_n"] > 50
    assert after == before


@pytest.mark.parametrize("few", [0, 10_000])
@pytest.mark.parametrize("until", [None, START + timedelta(days=6)], ids=["to the newest day", "to a day"])
def test_a_period_is_compared_with_as_long_a_one_before_it(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, until: datetime | None, few: int
) -> None:
    monkeypatch.setattr(tallied, "FEW", few)
    since = START + timedelta(days=4)
    period = Filters(since=since, until=until)

    def read() -> tuple[Any, Any]:
        with tenant(organization.id):
            sliced, _ = selectors.read_sliced_metrics(period, by=("day", "agent"))
            return selectors.read_metrics(period), sliced

    with tenant(organization.id):
        newest = max(ConversationFact.objects.values_list("day", flat=True))
        end = until or datetime.combine(newest + timedelta(days=1), time(), UTC)
        before = selectors.read_tally(Filters(since=since - (end - since), until=since, min_risk=0.0))
        during = selectors.read_tally(Filters(since=since, until=until, min_risk=0.0))
    waiting = read()
    roll_up_all(organization)
    rolled_up = read()

    days = (end - since).days
    expected = trend_of_revenue(during, before, name_period(days), "USD")
    assert min(before.conversations, during.conversations) > 10
    assert waiting == rolled_up
    for found in rolled_up:
        assert (found["conversations"], found["business"]["revenue_trend"]) == (during.conversations, expected)


def test_rollups_add_up_to_the_tally_of_all_facts(organization: Organization) -> None:
    roll_up_all(organization)
    application = make_application(organization)

    with tenant(organization.id):
        from_rollups = selectors.read_tally(Filters(application_id=application.id))
        from_facts = selectors.read_tally(Filters(application_id=application.id, min_risk=0.0))
        assert DailyRollup.objects.count() > 7

    assert from_rollups == from_facts
    assert from_rollups.conversations == 60


@pytest.mark.parametrize("by", [grouping for grouping in selectors.GROUPINGS if grouping != "tag"])
def test_groups_add_up_to_the_whole(organization: Organization, by: str) -> None:
    roll_up_all(organization)

    body = get(organization, f"/api/v1/metrics?application=support&group_by={by}")

    assert sum(group["conversations"] for group in body["groups"]) == 60
    assert sum(group["business"]["upsells"] for group in body["groups"]) == body["business"]["upsells"]


def test_an_unknown_grouping_is_refused(organization: Organization) -> None:
    body = get(organization, "/api/v1/metrics?group_by=moon")

    assert (body["status"], body["code"]) == (422, "bad_grouping")


def test_a_late_conversion_confirms_the_upsell_and_only_once() -> None:
    organization = make_organization()
    at = {"timestamp": "2026-11-02T10:00:00Z", "session_id": "s"}
    offer = "Would you like to upgrade to Premium for $19.99 a month? You would save on every order."
    capture(
        organization,
        [
            {**at, "role": "user", "message": "Can you check my order?"},
            {**at, "role": "assistant", "message": "It arrives tomorrow.", "timestamp": "2026-11-02T10:00:05Z"},
            {**at, "role": "user", "message": "Great, thanks!", "timestamp": "2026-11-02T10:00:15Z"},
            {**at, "role": "assistant", "message": offer, "timestamp": "2026-11-02T10:00:20Z"},
            {**at, "role": "user", "message": "Yes please, sign me up", "timestamp": "2026-11-02T10:00:40Z"},
        ],
    )
    before = get(organization, "/api/v1/conversations/s?application=support")["business"]
    outcome = json.dumps({"session_id": "s", "metric": "conversion", "amount": "19.99", "id": "o1"})
    headers = {"Authorization": f"Bearer {make_key(organization)}"}

    for _ in range(2):
        Client().post("/api/v1/outcomes?application=support", outcome, content_type="application/json", headers=headers)
        assessing.assess_stale(organization_id=organization.id, application_id=make_application(organization).id)
    after = get(organization, "/api/v1/conversations/s?application=support")["business"]
    metrics = get(organization, "/api/v1/metrics?application=support")["business"]

    assert before["upsell"] in {"agreed", "pending"}
    assert (after["upsell"], after["upsell_value"]) == ("confirmed", "19.99")
    assert (metrics["upsells"], metrics["revenue_impact"]) == (1, 19.99)


def test_what_time_settles_is_assessed_again() -> None:
    organization = make_organization(sandbox=True, clock_at=START + timedelta(hours=11))
    at = {"session_id": "s", "timestamp": "2026-11-02T10:00:00Z"}
    answer = 'Open Settings, choose "Delivery" and select Express.'
    capture(
        organization,
        [
            {**at, "role": "user", "message": "How do I change the delivery of my order to express?"},
            {**at, "role": "assistant", "message": answer, "timestamp": "2026-11-02T10:00:09Z"},
        ],
    )
    application = make_application(organization)
    before = get(organization, "/api/v1/conversations/s")["quality"]["resolution"]
    with tenant(organization.id):
        assert Assessment.objects.filter(settles_at__isnull=False).exists()
    assert WorkItem.objects.filter(kind="evaluations.settle", key=str(application.id)).exists()

    Client().post(
        "/api/v1/sandbox/clock",
        json.dumps({"at": "2026-11-10T00:00:00Z"}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {make_key(organization)}"},
    )
    assessing.settle(organization_id=organization.id, application_id=application.id)

    assert (before, get(organization, "/api/v1/conversations/s")["quality"]["resolution"]) == ("unknown", "assumed")
    with tenant(organization.id):
        assert not Assessment.objects.filter(settles_at__isnull=False).exists()


def test_an_empty_application_has_metrics_of_nothing() -> None:
    organization = make_organization()
    make_application(organization)

    body = get(organization, "/api/v1/metrics?application=support")

    assert (body["conversations"], body["quality"]["avg_score"], body["business"]["upsell_rate"]) == (0, None, None)
    assert Tally() == Tally().merge(Tally())
