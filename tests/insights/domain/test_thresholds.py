from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.domain.tally import Tally, tally
from apps.insights.domain.measured import measure
from apps.insights.domain.thresholds import Flagged, cross, rows_of

DAY = date(2026, 11, 2)
NO_FLAGS = {key: Flagged(0, 0, 0) for key, metric in REGISTRY.items() if metric.flags}


def some(n: int, **said: object) -> list[Fact]:
    return [Fact(day=DAY, messages=4, **said) for _ in range(n)]  # type: ignore[arg-type]


def test_an_aggregate_that_should_fall_crosses_from_above() -> None:
    now = measure(tally([*some(94), *some(6, attack_types=("jailbreak",), attacks_unclear=1)]))

    (signal,) = cross({"security_incidents": 5}, now, {})

    assert (signal.kind, signal.key, signal.figures.value, signal.figures.limit) == (
        "threshold", "security_incidents", 6.0, 5,
    )  # fmt: skip
    assert signal.figures.interval == (2.2, 13.1)
    # Six attacks may well be the work of a rate below five.
    assert signal.severity == "medium"
    assert signal.rows == {"attacked": "true"}


def test_far_above_the_line_is_more_severe() -> None:
    now = measure(tally([*some(70), *some(30, attack_types=("jailbreak",), attacks_unclear=1)]))

    (signal,) = cross({"security_incidents": 5}, now, {})

    assert signal.severity == "high"
    assert signal.figures.detail["may_be_chance"] is False


def test_an_aggregate_that_should_rise_crosses_from_below() -> None:
    now = measure(tally(some(40, value=-3)))

    (signal,) = cross({"revenue_impact": -100, "block_rate": 0.5}, now, {})

    assert (signal.key, signal.figures.value) == ("revenue_impact", -120.0)
    assert signal.figures.interval == (-120.0, -120.0)


def test_on_the_line_nothing_is_crossed() -> None:
    now = measure(tally(some(5, attack_types=("jailbreak",), attacks_unclear=1)))

    assert cross({"security_incidents": 5}, now, {}) == []


def test_what_is_unknown_crosses_nothing() -> None:
    assert cross({"escalation_rate": 0.0, "upsell_rate": 1.0}, measure(tally(some(29, escalation_done=True))), {}) == []


def test_a_threshold_on_conversations_counts_and_lists_them() -> None:
    flagged = {"quality_score": Flagged(conversations=3, users=2, known=50)}

    (signal,) = cross({"quality_score": 6}, measure(Tally()), flagged)

    assert signal.title == "3 conversations with quality score below 6"
    assert signal.rows == {"max_quality": "6"}
    assert signal.figures.detail["share"] == 0.06
    assert signal.figures.detail["users"] == 2


@pytest.mark.parametrize(
    ("key", "limit", "rows"),
    [
        ("security_risk_score", 7, {"min_risk": "7"}),
        ("business_value", -50, {"max_value": "-50"}),
        ("upsell_rate", 0.2, {"upsell": "confirmed"}),
    ],
)
def test_the_rows_of_a_threshold_are_those_it_is_about(key: str, limit: float, rows: dict[str, str]) -> None:
    assert rows_of(key, limit) == rows


def test_a_metric_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError):
        cross({"happiness": 1}, measure(Tally()), {})


@given(attacks=st.integers(0, 40), limit=st.integers(0, 40))
def test_a_lower_limit_never_crosses_less(attacks: int, limit: int) -> None:
    now = measure(tally([*some(40), *some(attacks, attack_types=("jailbreak",), attacks_succeeded=1)]))
    metrics = [key for key, metric in REGISTRY.items() if metric.direction == "decrease" and not metric.flags]

    strict = {signal.key for signal in cross(dict.fromkeys(metrics, limit - 1), now, NO_FLAGS)}
    loose = {signal.key for signal in cross(dict.fromkeys(metrics, limit), now, NO_FLAGS)}

    assert loose <= strict
    assert ("successful_attacks" in loose) == (attacks > limit)


def test_every_metric_has_an_interval_that_holds_it_or_none() -> None:
    facts = [
        *some(40, quality_score=6.0, csat=4.0, resolution="confirmed", escalation_done=True, upsell="confirmed",
              upsell_value=20, value=20, patterns=("generic_responses",), cost=1, tokens=9),
        *some(40, quality_score=8.0, csat=2.0, resolution="unresolved", upsell="declined", value=-3, cost=2, tokens=7,
              attack_types=("jailbreak",), attacks_blocked=1, risk_score=3.0, churn="lost"),
    ]  # fmt: skip
    now = measure(tally(facts), before=tally(facts), new_attack_patterns=2)

    held = {key: now.interval(key) for key, value in now.values.items() if value is not None}

    assert all(low <= (now.values[key] or 0) <= high for key, (low, high) in
               {key: interval for key, interval in held.items() if interval}.items())  # fmt: skip
    without = {"resolution_time", "reply_time_p50", "reply_time_p95", "tokens_per_conversation",
               "cost_per_conversation", "upsell_value"}  # fmt: skip
    assert {key for key, interval in held.items() if interval is None} <= without | {
        key for key in held if REGISTRY[key].path[1] == "poor_quality_rates"
    }
    assert held["generic_responses"] is not None
