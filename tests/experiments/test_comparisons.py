"""GET /comparisons, over real facts: periods, columns, applications, arms; what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.organizations.models import Organization
from tests.experiments.test_experiments import World
from tests.factories import capture, make_application, make_key, make_organization

pytestmark = pytest.mark.django_db
FIRST = datetime(2026, 11, 2, 9, tzinfo=UTC)


def talks(
    n: int, *, day: int = 0, handed_over: int = 0, channel: str = "web", name: str = "s", **metadata: str
) -> list[dict[str, Any]]:
    """Records of ``n`` short conversations of one day; the first ``handed_over`` of them were escalated."""
    when = FIRST + timedelta(days=day)
    return [
        {
            "session_id": f"{name}-{day}-{number}", "role": role, "message": text,
            "timestamp": (when + timedelta(seconds=second)).isoformat(),
            "metadata": {"user_id": f"{name}-{day}-{number}", "channel": channel, **metadata,
                         **({"escalated": True} if number < handed_over else {})},
        }
        for number in range(n)
        for second, (role, text) in enumerate([("user", "My invoice is wrong."), ("assistant", "I have mended it.")])
    ]  # fmt: skip


@pytest.fixture
def organization() -> Organization:
    return make_organization(sandbox=True, clock_at=FIRST + timedelta(days=30))


def ask(key: str, query: str) -> Any:
    return Client().get(f"/api/v1/comparisons?{query}", headers={"Authorization": f"Bearer {key}"})


def test_two_periods_are_described_and_say_what_weakens_them(organization: Organization) -> None:
    capture(organization, talks(40, handed_over=20) + talks(40, day=7, handed_over=10, channel="phone"))
    key = make_key(organization, "read")

    answer = ask(key, "metric=escalation_rate&a=2026-11-02..2026-11-08&b=2026-11-09..2026-11-15")

    told = answer.json()
    assert answer.status_code == 200, told
    assert (told["a"]["mean"], told["b"]["mean"], told["difference"]) == (0.5, 0.25, -0.25)
    assert (told["a"]["units"], told["b"]["conversations"]) == (40, 40)
    assert told["design"]["name"] == "before/after"
    assert told["design"]["grade"] == "D"
    assert told["design"]["observational"] is True
    assert "descriptive" in told["design"]["why"]
    assert told["design"]["mix_shift"] == {"channel": 1.0}


def test_a_drop_against_untouched_applications_is_a_difference_in_differences(organization: Organization) -> None:
    for place, slug in enumerate(("ours", "one", "two", "three")):
        before, after = (20, 4) if slug == "ours" else (10 + place, 10)
        records = talks(40, handed_over=before, name=slug) + talks(40, day=7, handed_over=after, name=slug)
        capture(organization, records, application=slug)
    key = make_key(organization, "read")

    told = ask(key, "application=ours&metric=escalation_rate&a=2026-11-02..2026-11-08&b=2026-11-09..2026-11-15").json()

    # Others fell by 1, 2 and 3 of 40, ours by 16 of 40.
    assert told["design"]["name"] == "difference in differences"
    assert told["design"]["grade"] == "B"
    assert told["difference"] == pytest.approx(-16 / 40 + 2 / 40)
    assert told["interval"][1] < 0


def test_eight_weeks_of_history_make_it_a_placebo_test(organization: Organization) -> None:
    records = [each for day in range(-70, 0) for each in talks(4, day=day, handed_over=1 + day % 2)]
    capture(organization, records + [each for day in range(7) for each in talks(4, day=day)])
    key = make_key(organization, "read")

    told = ask(key, "metric=escalation_rate&a=2026-10-26..2026-11-01&b=2026-11-02..2026-11-08").json()

    assert told["design"]["name"] == "interrupted time series"
    assert told["interval"][1] < 0 > told["difference"]
    reversed_sides = ask(key, "metric=escalation_rate&b=2026-10-26..2026-11-01&a=2026-11-02..2026-11-08").json()
    assert reversed_sides["difference"] == pytest.approx(-told["difference"])


def test_versions_stand_side_by_side_and_are_called_so(organization: Organization) -> None:
    capture(organization, talks(40, handed_over=20, prompt_version="1") + talks(40, day=1, prompt_version="2"))

    told = ask(make_key(organization, "read"), "metric=escalation_rate&a=prompt_version:1&b=prompt_version:2").json()

    assert (told["difference"], told["design"]["name"], told["design"]["grade"]) == (-0.5, "side by side", "D")
    assert "nobody drew lots" in told["design"]["why"]


def test_arms_of_an_experiment_are_randomised() -> None:
    world = World()
    experiment = world.begin()
    world.talk(200, escalated={"control": 0.5, "brief": 0.1})

    told = world.get(f"comparisons?metric=escalation_rate&a=arm:{experiment}:control&b=arm:{experiment}:brief")

    assert (told["design"]["name"], told["design"]["grade"]) == ("randomised", "A")
    assert told["design"]["observational"] is False
    assert told["interval"][1] < 0
    assert told["a"]["units"] + told["b"]["units"] == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("metric=fun&a=variant:a&b=variant:b", "bad_metric"),
        ("metric=churn_rate&a=variant:a&b=model:b", "bad_side"),
        ("metric=churn_rate&a=variant:a&b=variant:a", "bad_side"),
        ("metric=churn_rate&a=colour:a&b=colour:b", "bad_side"),
        ("metric=churn_rate&a=2026-11-08..2026-11-02&b=2026-11-09..2026-11-10", "bad_side"),
        ("metric=churn_rate&a=2026-02-30..2026-03-02&b=2026-11-09..2026-11-10", "bad_side"),
        ("metric=churn_rate&a=2026-11-02..2026-11-09&b=2026-11-09..2026-11-10", "bad_side"),
        ("metric=churn_rate&a=arm:x_1:a&b=arm:x_2:b", "bad_side"),
        ("metric=churn_rate&a=variant:a&b=variant:b&since=monday", "bad_time"),
        ("metric=churn_rate&a=application:x&b=application:y", "not_found"),
        ("metric=churn_rate&a=arm:x_1:a&b=arm:x_1:b", "not_found"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_its_reason(organization: Organization, query: str, code: str) -> None:
    answer = ask(make_key(organization, "read"), query)

    assert (answer.status_code, answer.json()["code"]) == (404 if code == "not_found" else 422, code)


def test_nothing_captured_is_no_difference(organization: Organization) -> None:
    told = ask(make_key(organization, "read"), "metric=escalation_rate&a=variant:a&b=variant:b").json()

    assert (told["difference"], told["interval"], told["a"]["mean"], told["a"]["conversations"]) == (
        None,
        None,
        None,
        0,
    )


def test_a_key_of_one_application_compares_no_other(organization: Organization) -> None:
    capture(organization, talks(2), application="other")
    key = make_key(organization, "read", application=make_application(organization, "ours"))

    answer = ask(key, "metric=escalation_rate&a=application:other&b=application:ours")

    assert answer.status_code == 404
