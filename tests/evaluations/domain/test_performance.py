from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.performance import PerformanceAnalyzer
from apps.evaluations.domain.values import ApplicationProfile
from tests.evaluations.domain.made import Turn, talk

PLAIN = PerformanceAnalyzer(ApplicationProfile())
PRICED = PerformanceAnalyzer(
    ApplicationProfile(cost_per_thousand_input_tokens=Decimal("0.5"), cost_per_thousand_output_tokens=Decimal("1.5"))
)


def test_reported_reply_times_come_before_measured_ones() -> None:
    result = PLAIN.analyze(
        talk(("user", "a"), ("assistant", "b", {"response_time_ms": 1200}), ("user", "c"), ("assistant", "d"))
    )

    assert result.reply_times_s == (1.2, 10.0)
    assert result.reply_time_p50_s == pytest.approx(5.6)
    assert result.reply_time_p95_s == pytest.approx(1.2 + 0.95 * 8.8)


def test_only_the_first_reply_to_a_question_is_timed() -> None:
    assert PLAIN.analyze(talk(("user", "a"), ("assistant", "b"), ("assistant", "c"))).reply_times_s == (10.0,)


def test_a_reply_after_more_than_a_day_says_nothing_about_speed() -> None:
    assert PLAIN.analyze(talk(("user", "a"), ("assistant", "b"), gap=90_000)).reply_time_p50_s is None


@pytest.mark.parametrize(
    ("tokens", "total"),
    [(12, 12), ("12", 12), ({"prompt": 9, "completion": 3}, 12), ({"input_tokens": 9, "output_tokens": "3"}, 12),
     ({"total_tokens": 12}, 12)],
)  # fmt: skip
def test_reported_tokens_are_read_in_every_common_spelling(tokens: Any, total: int) -> None:
    result = PLAIN.analyze(talk(("user", "a"), ("assistant", "b", {"tokens": tokens})))

    assert (result.tokens, result.estimated) == (total, False)


def test_tokens_not_reported_are_estimated_and_say_so() -> None:
    result = PRICED.analyze(talk(("user", "x" * 400), ("assistant", "y" * 200)))

    assert (result.tokens, result.estimated) == (150, True)
    assert result.cost == Decimal("0.125")


def test_reported_cost_comes_before_unit_costs() -> None:
    turns: tuple[Turn, ...] = (
        ("user", "a"),
        ("assistant", "b", {"cost": "$0.0031"}),
        ("assistant", "c", {"cost": 0.0009}),
    )

    assert PRICED.analyze(talk(*turns)).cost == Decimal("0.0040")


def test_without_unit_costs_the_cost_is_not_known() -> None:
    assert PLAIN.analyze(talk(("user", "a"), ("assistant", "b"))).cost is None


def test_an_empty_conversation_has_no_performance() -> None:
    result = PLAIN.analyze(talk())

    assert (result.reply_time_p50_s, result.tokens, result.cost) == (None, None, None)


_values = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6) | st.dictionaries(
    st.sampled_from(["prompt", "completion", "total"]), st.floats() | st.text(max_size=3), max_size=3
)  # fmt: skip


@given(_values, _values, _values)
def test_metadata_of_any_type_never_breaks_the_analysis(tokens: Any, cost: Any, time: Any) -> None:
    result = PRICED.analyze(
        talk(("user", "a"), ("assistant", "b", {"tokens": tokens, "cost": cost, "response_time_ms": time}))
    )

    assert result.tokens is not None
    assert result.tokens >= 0
    assert result.cost is not None
    assert result.cost >= 0
