"""One look at a real week: signals with evidence, nothing of another organization, few queries."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.demo.production import simulate_week
from apps.evaluations.models import ConversationFact
from apps.insights.domain.signals import Period
from apps.insights.selectors.looking import Look, look
from apps.organizations.models import Organization
from apps.platform.tenancy import tenant
from tests.factories import make_application, make_organization
from tests.portal.world import capture

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 2, tzinfo=UTC)
WEEK = Period(START, START + timedelta(days=7))
THRESHOLDS = {"security_risk_score": 7.0, "quality_score": 6.0, "escalation_rate": 0.05}


@pytest.fixture
def organization() -> Organization:
    made = make_organization()
    week = simulate_week(seed=3, conversations=200, start=START)
    capture(made, [record for simulated in week for record in simulated.records])
    return made


def look_at(organization: Organization, period: Period = WEEK) -> Look:
    application = make_application(organization)
    with tenant(organization.id):
        return look(application_id=application.id, period=period, thresholds=THRESHOLDS)


def test_a_threshold_on_conversations_counts_and_lists_those_it_flags(organization: Organization) -> None:
    found = {each.signal.key: each for each in look_at(organization).found if each.signal.kind == "threshold"}

    with tenant(organization.id):
        poor = set(ConversationFact.objects.filter(quality_score__lt=6).values_list("session_id", flat=True))
    assert poor
    assert found["quality_score"].signal.figures.value == len(poor)
    assert {each.session_id for each in found["quality_score"].evidence} <= poor
    assert found["escalation_rate"].signal.figures.interval is not None


def test_no_user_stands_for_a_finding_alone(organization: Organization) -> None:
    sets = [Counter(each.user for each in found.evidence) for found in look_at(organization).found]

    assert sets
    assert all(max(users.values(), default=0) <= 3 for users in sets)


def test_one_week_is_still_warming_up(organization: Organization) -> None:
    charts = {each.metric: each.chart.status for each in look_at(organization).degradations}

    assert charts == {"avg_quality_score": "warming up", "escalation_rate": "warming up"}


def test_a_period_without_conversations_says_nothing(organization: Organization) -> None:
    empty = look_at(organization, Period(START + timedelta(days=30), START + timedelta(days=37)))

    assert (empty.conversations, empty.found) == (0, ())


def test_another_organizations_conversations_say_nothing_here(organization: Organization) -> None:
    assert look_at(make_organization()).found == ()


def test_a_look_takes_few_queries(organization: Organization) -> None:
    with CaptureQueriesContext(connection) as asked:
        found = look_at(organization).found

    # One a signal for its evidence; the rest does not grow with what is found.
    assert len(asked) <= 40 + len(found)
