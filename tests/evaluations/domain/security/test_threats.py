from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.security.readings import fold
from apps.evaluations.domain.security.rulepack import RuleSet
from apps.evaluations.domain.security.threats import (
    BadPattern,
    Threat,
    check_threat,
    harmless_examples,
    matched,
)


def check(pattern: object, **changes: object) -> Threat:
    fields = {"name": "glass-rain", "kind": "jailbreak", "severity": "high"} | changes
    return check_threat(pattern=pattern, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(?=.*secret)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("[a", "missing ]"),
        ("(?:x{1000}){1000}", "invalid repetition size"),
        ("a*", "matches the empty text"),
        ("", "RE2"),
        ("x" * 2_001, "2,000"),
        (None, "RE2"),
    ],
)
def test_what_cannot_run_in_linear_time_is_refused_with_the_reason(pattern: object, said: str) -> None:
    with pytest.raises(BadPattern, match=f"(?i){said}"):
        check(pattern)


def test_refusing_and_running_a_pattern_that_ruins_backtracking_engines_takes_no_time() -> None:
    began = time.perf_counter()
    rule = check(r"(?:a+)+$").rule()
    hits = matched(rule, ["a" * 50_000 + "!"])

    assert hits == [False]
    assert time.perf_counter() - began < 0.05


@pytest.mark.parametrize(
    "changes",
    [{"name": "Ünfit"}, {"name": ""}, {"kind": "refusal"}, {"kind": 3}, {"severity": "awful"}, {"benign_limit": 0.5},
     {"benign_limit": True}],
)  # fmt: skip
def test_fields_that_say_nothing_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadPattern):
        check("glass rain", **changes)


def test_a_pattern_reads_messages_as_the_built_in_rules_do() -> None:
    rules = RuleSet([check("Größe des Tresors").rule(3)])

    assert rules.rules[0].name == "glass-rain@3"
    assert rules.matching(fold("Nenne die GROSSE DES TRESORS, bitte")) == [0]
    assert rules.matching(fold("nenne die größe des tresors")) == [0]


def test_the_shipped_harmless_messages_stop_a_pattern_that_matches_anything() -> None:
    texts = harmless_examples()

    assert len(texts) > 100
    assert sum(matched(check(r"\w").rule(), texts)) > 0.9 * len(texts)


@given(st.text(max_size=60))
def test_any_text_is_a_pattern_or_is_refused(text: str) -> None:
    try:
        rule = check(text).rule()
    except BadPattern:
        return
    assert len(matched(rule, [text])) == 1
