"""A lasting drop in ten weeks of rollups: found, dated, and laid at the door of the version that brought it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.tally import tally
from apps.evaluations.models import DailyRollup
from apps.insights.domain.signals import Period
from apps.insights.selectors.looking import look
from apps.organizations.models import Application, Organization
from apps.platform.tenancy import tenant
from tests.factories import make_application, make_organization

pytestmark = pytest.mark.django_db
START = date(2026, 8, 3)


def make_rollup(
    organization: Organization, application: Application, day: date, version: str, scores: list[float]
) -> DailyRollup:  # fmt: skip
    facts = [Fact(day=day, messages=2, prompt_version=version, quality_score=score) for score in scores]
    return DailyRollup(
        organization=organization,
        application=application,
        day=day,
        prompt_version=version,
        tally=msgspec.to_builtins(tally(facts)),
    )


def test_a_version_that_brought_a_lasting_drop_is_named_with_the_day_it_began() -> None:
    organization = make_organization()
    application = make_application(organization)
    rows = []
    for place in range(70):
        day, wobble = START + timedelta(days=place), (0.1, -0.1, 0.05, -0.05, 0.0)[place % 5]
        old = [7.0 + wobble + spread for spread in (-1.0, 1.0) * 20]
        new = [score - (1.5 if place >= 63 else 0.0) for score in old]
        rows += [
            make_rollup(organization, application, day, "3", old),
            make_rollup(organization, application, day, "4" if place >= 63 else "3b", new),
        ]
    end = datetime(2026, 10, 12, tzinfo=UTC)
    with tenant(organization.id):
        DailyRollup.objects.bulk_create(rows)
        found = look(application_id=application.id, period=Period(end - timedelta(days=7), end), thresholds={})

    score, escalations = found.degradations
    assert (score.metric, score.chart.status, score.chart.began) == (
        "avg_quality_score", "degraded", START + timedelta(days=63),
    )  # fmt: skip
    assert score.chart.change == pytest.approx(-0.75, abs=0.05)
    worst = max((part for part in score.carried_by if part.dimension == "prompt_version"), key=lambda part: part.share)
    assert worst.level == "4"
    assert worst.share > 0.9
    assert escalations.chart.status == "steady"
