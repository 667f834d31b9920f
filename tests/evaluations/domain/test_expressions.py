"""Conditions: parsed by a grammar, three-valued, never evaluated as code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.expressions import BadExpression, evaluate, metrics_in, parse

METRICS = frozenset({"a", "b", "upsell_rate"})


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("a > 5", {"a": 6.0}, True),
        ("a > 5", {"a": 5.0}, False),
        ("a >= 5 and b < 2", {"a": 5.0, "b": 2.0}, False),
        ("a > 9 or b == 2", {"a": 5.0, "b": 2.0}, True),
        ("not a > 5", {"a": 6.0}, False),
        ("upsell_rate < 20%", {"upsell_rate": 0.19}, True),
        ("a < -$50", {"a": -51.0}, True),
        ("a > 1 or a > 2 and a > 99", {"a": 1.5}, True),
        ("(a > 1 or a > 2) and a > 99", {"a": 1.5}, False),
        ("a", {"a": 1.0}, True),
        ("not a", {"a": 0.0}, True),
    ],
)
def test_a_condition_means_what_it_says(text: str, values: dict[str, float | None], expected: bool) -> None:
    assert evaluate(parse(text, metrics=METRICS), values) is expected


@pytest.mark.parametrize(
    ("text", "a", "expected"),
    [
        ("a > 5", None, None),
        ("a > 5 or b > 0", None, True),
        ("a > 5 and b > 9", None, False),
        ("not a > 5", None, None),
    ],
)
def test_what_is_unknown_never_fires_unless_the_rest_decides(text: str, a: None, expected: bool | None) -> None:
    assert evaluate(parse(text, metrics=METRICS), {"a": a, "b": 1.0}) is expected


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "empty"),
        ("a >", 4, "expected at the end"),
        ("a > 5 b", 7, "not expected here"),
        ("nothing > 5", 1, "no metric 'nothing'"),
        ("(a > 5", 7, "not closed"),
        ("a > b", 5, "a number"),
        ("a > 5; import os", 6, "cannot be read"),
        ("(" * 99, 52, "nested too deeply"),
    ],
)
def test_a_bad_expression_is_refused_with_its_column(text: str, column: int, words: str) -> None:
    with pytest.raises(BadExpression, match=words) as refused:
        parse(text, metrics=METRICS)

    assert refused.value.column == column


@given(st.text(max_size=80))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parsed = parse(text, metrics=METRICS)
    except BadExpression as error:
        assert 1 <= error.column <= len(text) + 1
        return
    assert metrics_in(parsed) <= METRICS
