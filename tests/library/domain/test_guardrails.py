"""Guardrails as domain code: what is refused and why, what is caught, and that no rule costs more than its text."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.library.domain.guarding import ActiveGuardrail, Guard, sanitise
from apps.library.domain.guardrails import BadGuardrail, difference, guardrail_hash, merge, read_guardrail
from apps.library.domain.localrules import is_local

ORDERS = {"id": "orders", "pattern": r"\bdrop (?:all|your) orders\b"}


def guard(*documents: dict[str, Any]) -> Guard:
    read = [read_guardrail(document) for document in documents]
    return Guard([ActiveGuardrail(f"g{i}", 1, guardrail_hash(each), each) for i, each in enumerate(read)])


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?<=a)b", "invalid perl operator: (?<="),
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("(?=a)b", "invalid perl operator: (?="),
        ("a(", "missing )"),
        ("((a{1,100}){1,100}){1,100}", "invalid repetition size"),
        ("(?:word{1,900}){1,1}x{1,900}y{1,900}z{1,900}", "too large"),
        (".*", "matches every message"),
        ("", "1 to 1,000 characters"),
        ("x" * 1001, "1 to 1,000 characters"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(BadGuardrail, match=re.escape(reason)):
        read_guardrail({"rules": [{"id": "one", "pattern": pattern}]})


@pytest.mark.parametrize(
    "document",
    [
        {}, {"sanitise": False}, {"sanitise": 1}, {"rules": [ORDERS, ORDERS]}, {"rules": [ORDERS | {"on": "tool"}]},
        {"rules": [ORDERS | {"action": "kill"}]}, {"longest_input": 0}, {"shortest_reply": -1}, {"unknown": 1},
        {"sanitise": True, "most_benign_blocked": 0.5}, {"sanitise": True, "most_benign_blocked": float("nan")},
        {"sanitise": True, "reply": " "}, [], None, "x", {"rules": [ORDERS | {"id": "Not A Name"}]},
        {"rules": [ORDERS | {"id": f"r{i}"} for i in range(51)]},
    ],
)  # fmt: skip
def test_what_is_no_guardrail_is_refused(document: object) -> None:
    with pytest.raises(BadGuardrail):
        read_guardrail(document)


def test_a_disguised_order_is_read_as_what_it_says_and_found_where_it_stands() -> None:
    said = "Please: d\u200brop A\u0301ll orders now"

    guarded = guard({"rules": [ORDERS]}).check(said, "user")

    assert guarded.action == "block"
    (hit,) = guarded.hits
    assert (hit.guardrail, hit.rule) == ("g0", "orders")
    assert said[slice(*hit.span or ())] == "d\u200brop A\u0301ll orders"


def test_rules_read_the_messages_they_are_for_and_the_strongest_action_wins() -> None:
    both = guard(
        {"rules": [ORDERS, {"id": "code", "on": "assistant", "action": "flag", "pattern": "code-[0-9]+"}]},
        {"rules": [ORDERS | {"action": "flag"}], "reply": "Not here."},
    )

    assert [hit.action for hit in both.check("drop all orders", "user").hits] == ["block", "flag"]
    assert both.check("drop all orders", "user").action == "block"
    assert both.check("drop all orders", "assistant").action == "allow"
    assert both.check("it is code-77", "assistant").action == "flag"
    assert both.check("hello", "user").reply is None


def test_limits_speak_of_the_messages_they_are_for() -> None:
    limits = guard({"longest_input": 10, "shortest_reply": 5})

    assert limits.check("x" * 11, "user").action == "block"
    assert limits.check("x" * 10, "user").action == "allow"
    assert limits.check("  ok ", "assistant").action == "flag"
    assert limits.check("ok", "user").action == "allow"


def test_invisible_signs_go_and_what_scripts_need_stays() -> None:
    assert sanitise("pass\u200b\u2063word\U000e0069\U000e0067") == "password"
    assert sanitise("a\u200db") == "ab"
    assert sanitise("👩\u200d💻 می\u200cخواهم") == "👩\u200d💻 می\u200cخواهم"


@given(st.text(max_size=200))
def test_a_sanitised_text_is_sanitised(text: str) -> None:
    assert sanitise(sanitise(text)) == sanitise(text)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+b", "(a?){50}b", "(.*a){12}c", "a.*a.*a.*a.*b"])
def test_a_rule_that_would_hang_a_backtracking_engine_takes_milliseconds(pattern: str) -> None:
    hostile = guard({"rules": [{"id": "hostile", "pattern": pattern}]})

    began = time.process_time()
    hostile.check("a" * 30_000, "user")

    assert time.process_time() - began < 0.05
    assert not is_local(pattern)


def test_a_hundred_and_twenty_rules_cost_a_message_microseconds() -> None:
    rules = [{"id": f"r{i}", "pattern": rf"\b(?:word{i}|other{i})\b.{{0,40}}\bthing{i}s?\b"} for i in range(120)]
    many = guard(*({"rules": rules[first : first + 40]} for first in (0, 40, 80)))
    message = "Hello, my order 1234 has not arrived yet, and I would like to know where it is. Can you help me?"

    began = time.process_time()
    for _ in range(1_000):
        many.check(message, "user")

    # Measured 21 µs a message on one core; one by one the same rules take 500.
    assert (time.process_time() - began) / 1_000 < 200e-6


@pytest.mark.parametrize(
    ("pattern", "local"),
    [
        (r"\b(?:ignore|disregard)\b.{0,60}\b(?:rule|instruction)s?\b", True),
        (r"you are (?:now )?free", True),
        (r"a+b", False), (r"(?:ab){2,3}", False), (r".{0,60}x.{0,60}", False), (r"(?i)x", False), (r"\pL", False),
        (r"straße", False), (r"x$", False), (r"(?P<n>x)", False),
    ],
)  # fmt: skip
def test_only_what_pythons_engine_does_in_bounded_time_is_local(pattern: str, local: bool) -> None:
    assert is_local(pattern) is local


def test_merging_keeps_every_rule_and_the_stricter_limit() -> None:
    merged = merge(
        [{"rules": [ORDERS], "longest_input": 9_000}, {"rules": [{"id": "b", "pattern": "b"}], "longest_input": 500},
         {"sanitise": True, "shortest_reply": 20}]
    )  # fmt: skip

    assert [rule["id"] for rule in merged["rules"]] == ["orders", "b"]
    assert (merged["longest_input"], merged["shortest_reply"], merged["sanitise"]) == (500, 20, True)


def test_a_difference_names_the_lines_that_changed() -> None:
    before, after = read_guardrail({"rules": [ORDERS]}), read_guardrail({"rules": [ORDERS], "longest_input": 500})

    assert [line for line in difference(before, after) if line[0] != " "] == [
        ("+", "block messages of more than 500 characters")
    ]
    assert {sign for sign, _ in difference(None, after)} == {"+"}
