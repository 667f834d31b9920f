from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.tally import Tally, tally
from apps.insights.domain.patterns import find_patterns
from apps.insights.domain.trends import find_changes, find_trends, write_change

DAY = date(2026, 11, 2)


def showing(n: int, *patterns: str, **said: object) -> list[Fact]:
    return [Fact(day=DAY, messages=4, patterns=patterns, **said) for _ in range(n)]  # type: ignore[arg-type]


def scored(*scores: float) -> Tally:
    return tally([Fact(day=DAY, messages=4, quality_score=score) for score in scores])


def test_a_pattern_is_counted_with_its_rate_interval_and_trend() -> None:
    now = tally([*showing(20, "generic_responses", escalation_done=True), *showing(80)])
    before = tally([*showing(2, "generic_responses"), *showing(98)])

    (signal,) = find_patterns(now, before)

    assert (signal.key, signal.figures.value, signal.figures.before) == ("generic_responses", 0.2, 0.02)
    assert signal.figures.interval == pytest.approx((0.1334, 0.2888), abs=1e-4)
    assert signal.figures.detail["trend"] == "rising"
    assert signal.figures.detail["conversations"] == signal.figures.detail["escalated"] == 20
    assert signal.rows == {"pattern": "generic_responses"}
    # High by its rate, one step more for rising.
    assert signal.severity == "critical"


@pytest.mark.parametrize(("earlier", "trend"), [(20, "steady"), (70, "falling")])
def test_a_pattern_as_frequent_as_before_is_steady_and_a_rarer_one_falls(earlier: int, trend: str) -> None:
    now = tally([*showing(20, "contradiction"), *showing(80)])
    before = tally([*showing(earlier, "contradiction"), *showing(100 - earlier)])

    (signal,) = find_patterns(now, before)

    assert signal.figures.detail["trend"] == trend


def test_four_conversations_are_no_pattern_and_without_a_past_there_is_no_trend() -> None:
    now = tally([*showing(4, "contradiction"), *showing(5, "user_frustration"), *showing(91)])

    (signal,) = find_patterns(now, None)

    assert signal.key == "user_frustration"
    assert signal.figures.detail["trend"] == "unknown"


def test_under_thirty_conversations_nothing_is_a_pattern() -> None:
    assert find_patterns(tally(showing(29, "contradiction")), None) == []


def test_a_score_that_rose_is_a_trend_in_words() -> None:
    (signal,) = find_trends(scored(*[7.0, 7.6] * 50), scored(*[6.7, 7.3] * 50), period_days=7)

    assert signal.title == "Avg quality score improving: +0.3 this week"
    assert signal.severity == "low"
    # Welch by hand: variance 0.0909 on either side, 198 degrees of freedom, 1.972 × 0.04264.
    assert signal.figures.interval == pytest.approx((0.2159, 0.3841), abs=1e-3)


def test_a_change_whose_interval_includes_nothing_is_steady() -> None:
    changes = find_changes(scored(*[5.0, 9.0] * 20), scored(*[4.9, 8.9] * 20))

    (change,) = [each for each in changes if each.metric == "avg_quality_score"]
    assert change.verdict == "steady"
    assert write_change(change, "this week") == "steady"
    assert find_trends(scored(*[5.0, 9.0] * 20), scored(*[4.9, 8.9] * 20), period_days=7) == []


def test_a_rate_that_worsened_counts_in_points() -> None:
    now = tally([*showing(120, escalation_done=True), *showing(280)])
    before = tally([*showing(60, escalation_done=True), *showing(340)])

    (signal,) = find_trends(now, before, period_days=7)

    assert signal.title == "Escalation rate worsening: +15.0 points this week"
    assert signal.severity == "medium"
    assert (signal.figures.n, signal.figures.before) == (400, 0.15)


def test_offers_that_are_still_open_do_not_look_like_failures() -> None:
    now = tally([*showing(50, upsell="confirmed"), *showing(50, upsell="declined"), *showing(400, upsell="pending")])
    before = tally([*showing(50, upsell="confirmed"), *showing(50, upsell="declined")])

    assert find_trends(now, before, period_days=7) == []


def test_with_nothing_changed_one_look_in_twenty_finds_something_at_most() -> None:
    def week(random: np.random.Generator) -> Tally:
        return tally(
            Fact(day=DAY, messages=4, quality_score=round(float(random.normal(7, 1)), 2),
                 tokens=int(random.poisson(99)),
                 csat=float(random.integers(1, 6)), escalation_done=bool(random.random() < 0.2),
                 resolution=str(random.choice(["confirmed", "unresolved"])),
                 upsell=str(random.choice(["none", "confirmed", "declined"])))
            for _ in range(150)
        )  # fmt: skip

    looks = [np.random.default_rng([7, look]) for look in range(120)]

    found = sum(bool(find_trends(week(random), week(random), period_days=7)) for random in looks)

    # 6 are expected; 13 or more has a chance of .005.
    assert found <= 12


@given(st.integers(30, 200), st.integers(30, 200), st.data())
def test_looking_from_the_other_side_turns_a_change_round(n: int, m: int, data: st.DataObject) -> None:
    k, j = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    one = tally([*showing(k, escalation_done=True), *showing(n - k)])
    other = tally([*showing(j, escalation_done=True), *showing(m - j)])

    there = {change.metric: change for change in find_changes(one, other)}["escalation_rate"]
    back = {change.metric: change for change in find_changes(other, one)}["escalation_rate"]

    assert there.difference == pytest.approx(-back.difference)
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))
    assert {there.verdict, back.verdict} in ({"improving", "worsening"}, {"steady"})
