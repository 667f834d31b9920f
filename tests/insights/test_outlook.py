"""The panels that Quality loads: alarms that stand with who carries them, what is to be expected, what lacks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from django.test import Client

from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.tally import tally
from apps.evaluations.models import DailyRollup
from apps.insights.domain.signals import Period
from apps.insights.models import Insight
from apps.insights.selectors.looking import look
from apps.insights.services import stories
from apps.organizations.models import Application, Organization
from apps.platform.tenancy import tenant
from tests.factories import make_application, make_organization
from tests.portal.world import make_member, session_of

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
ADDRESS = "/quality/outlook/?application=support"


@pytest.fixture
def organization() -> Organization:
    organization = make_organization(sandbox=True, clock_at=NOW)
    make_application(organization)
    make_application(organization, "sales")
    return organization


def reader(organization: Organization, role: str = "owner") -> Client:
    client = Client()
    client.cookies["sessionid"] = session_of(make_member(organization, role))
    return client


def live(organization: Organization, days: int, *, bad: int = 0, version: str = "4") -> None:
    """Have an application live so many days, the last ``bad`` of them with a version that is worse for half of all."""
    rows = []
    with tenant(organization.id):
        application = Application.objects.get(slug="support")
        for place in range(days):
            day, wobble = NOW.date() - timedelta(days=days - place), (0.1, -0.1, 0.05, -0.05, 0.0)[place % 5]
            old = [7.0 + wobble + spread for spread in (-1.0, 1.0) * 20]
            worse = place >= days - bad
            rows += [
                rollup(organization, application, day, "3", old),
                rollup(organization, application, day, version if worse else "3b",
                       [score - (1.5 if worse else 0.0) for score in old]),
            ]  # fmt: skip
        DailyRollup.objects.bulk_create(rows)


def rollup(
    organization: Organization, application: Application, day: date, version: str, scores: list[float]
) -> DailyRollup:  # fmt: skip
    facts = [
        Fact(day=day, messages=2, prompt_version=version, quality_score=score, escalation_done=place % 5 == 0)
        for place, score in enumerate(scores)
    ]
    return DailyRollup(
        organization=organization, application=application, day=day, prompt_version=version,
        tally=msgspec.to_builtins(tally(facts)),
    )  # fmt: skip


def turn(organization: Organization) -> None:
    """Have a turn of the wheel look at the last week."""
    end = datetime.combine(NOW.date(), datetime.min.time(), UTC)
    period = Period(end - timedelta(days=7), end)
    with tenant(organization.id):
        application = Application.objects.get(slug="support")
        seen = look(application_id=application.id, period=period, thresholds={})
        stories.record_look(application=application, period=period, look=seen, at=NOW)


def test_two_weeks_of_score_and_escalation_are_expected_with_intervals_and_what_those_were_worth(
    organization: Organization,
) -> None:
    live(organization, 80)

    told = reader(organization).get(ADDRESS)

    score, escalation = told.context_data["score_forecast"], told.context_data["escalation_forecast"]
    (line,) = score["data"]["series"]
    assert len(score["rows"]) == 14
    assert (score["keys"][line["dashedFrom"] + 1], score["keys"][-1]) == ("2026-11-30", "2026-12-13")
    assert all(low < value < high for low, value, high in zip(
        line["lo"][-14:], line["values"][-14:], line["hi"][-14:], strict=True))  # fmt: skip
    assert line["lo"][:-14] == [None] * 42
    assert escalation["data"]["series"][0]["values"][-1] == pytest.approx(20, abs=0.1)
    assert "Tried on its own past" in told.text
    assert told.context_data["forecasts"][0]["told"]["share"] > 0.9
    assert "No degradation alarm" in told.text


def test_below_eight_weeks_it_says_how_many_days_are_missing_and_from_when_on(organization: Organization) -> None:
    live(organization, 33)

    told = reader(organization).get(ADDRESS)

    assert told.context_data["outlook"] == {
        "days": 33, "missing": 23, "seen": 33, "starts": date(2026, 12, 23),
    }  # fmt: skip
    assert "Degradation watch is warming up" in told.text
    assert "33 of 56 days." in told.text
    assert "23 days missing of 56." in told.text
    assert "score-forecast" not in told.text


def test_an_alarm_says_when_it_began_who_carries_it_and_leads_to_its_insight(organization: Organization) -> None:
    live(organization, 70, bad=7)
    turn(organization)

    told = reader(organization).get(ADDRESS)

    (alarm,) = told.context_data["alarms"]
    assert (alarm["label"], alarm["application"], alarm["began"]) == ("Score", "Support", date(2026, 11, 23))
    assert [(each["what"], round(each["share"], 1)) for each in alarm["carriers"]] == [("prompt version 4", 1.0)]
    with tenant(organization.id):
        insight = Insight.objects.get(kind="degradation")
    assert alarm["url"] == f"/insights/{insight.public_id}/?application=support"
    assert "1 drift going on" in told.text
    strip = reader(organization, "admin").get(alarm["url"]).context_data["figures"]
    assert [(each["value"], each["of"][-13:]) for each in strip if each["label"].startswith("Carried")] == [
        ("4", "of the change"),
    ]  # fmt: skip
    file = reader(organization, "viewer").get(told.context_data["files"]["alarms"])
    lines = b"".join(file.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[1].startswith("avg_quality_score,Support,7.0,6.2,2026-11-23,")
    assert "prompt_version 4: " in lines[1]


def test_a_version_named_as_markup_is_text_in_the_alarm(organization: Organization) -> None:
    live(organization, 70, bad=7, version="<img src=x>")
    turn(organization)

    page = reader(organization).get(ADDRESS).text

    assert "prompt version &lt;img src=x&gt;" in page
    assert "<img" not in page


def test_an_alarm_that_is_over_is_not_shown(organization: Organization) -> None:
    live(organization, 70, bad=7)
    turn(organization)
    with tenant(organization.id):
        Insight.objects.filter(kind="degradation").update(state=Insight.State.RESOLVED, resolved_at=NOW)

    assert reader(organization).get(ADDRESS).context_data["alarms"] == []


def test_over_several_applications_one_is_chosen_first_and_alarms_of_all_are_shown(organization: Organization) -> None:
    live(organization, 70, bad=7)
    turn(organization)

    told = reader(organization).get("/quality/outlook/")

    assert [each["url"] for each in told.context_data["choices"]] == [
        "/quality/?application=sales", "/quality/?application=support",
    ]  # fmt: skip
    assert [each["application"] for each in told.context_data["alarms"]] == ["Support"]
    assert told.context_data["outlook"] is None


def test_a_forecast_as_a_file_has_what_was_and_what_is_expected(organization: Organization) -> None:
    live(organization, 80)
    client = reader(organization, "aggregates")
    address = client.get(ADDRESS).context_data["score_forecast"]["csv"]

    answer = client.get(address)
    header, *lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]

    assert header == "day,score,score_low,score_high,score_n,rows,definition"
    assert len(lines) == 42 + 14
    assert lines[0].split(",")[:1] == ["2026-10-19"]
    assert lines[-1].startswith("2026-12-13,")


def test_nothing_of_another_organization_is_in_it(organization: Organization) -> None:
    live(organization, 80, bad=7)
    turn(organization)
    other = make_organization(sandbox=True, clock_at=NOW)
    make_application(other)

    told = reader(other).get(ADDRESS)

    assert (told.context_data["alarms"], told.context_data["outlook"]["days"]) == ([], 0)
    assert "0 of 56 days." in told.text
