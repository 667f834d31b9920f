"""Prompt versions as values: hash, gaps, difference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.library.domain.prompts import (
    BadPrompt,
    check_config,
    check_content,
    check_labels,
    check_name,
    content_hash,
    diff,
    fill,
    variables,
)

CHAT = [{"role": "system", "content": "You help {{ name }}."}, {"role": "user", "content": "{{question}}"}]


def test_the_hash_does_not_depend_on_the_order_of_keys() -> None:
    one = content_hash("text", "Hi", {"model": "m", "temperature": 0})
    assert one == content_hash("text", "Hi", {"temperature": 0, "model": "m"})
    assert one != content_hash("text", "Hi", {"model": "m", "temperature": 1})
    assert one != content_hash("chat", [{"role": "user", "content": "Hi"}], {"model": "m", "temperature": 0})


def test_gaps_are_named_once_in_order() -> None:
    assert variables("{{b}} and {{ a }} and {{b}} but not {b} nor {{1x}}") == ["b", "a"]
    assert variables(CHAT) == ["name", "question"]


def test_a_value_is_never_searched_for_gaps() -> None:
    filled = fill(CHAT, {"name": "{{question}}", "question": "{{name}}"})
    assert [message["content"] for message in filled] == ["You help {{question}}.", "{{name}}"]  # type: ignore[index]


def test_an_unknown_gap_stays() -> None:
    assert fill("{{a}} {{b}}", {"a": 1}) == "1 {{b}}"


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(max_size=20)))
def test_filling_twice_changes_nothing_when_values_hold_no_gap(values: dict[str, str]) -> None:
    plain = {name: value.replace("{", "") for name, value in values.items()}
    once = fill("{{a}}-{{b}}-{{c}}", plain)
    assert fill(once, plain) == once


def test_a_difference_shows_lines_taken_out_and_put_in() -> None:
    assert diff("one\ntwo\nthree", "one\n2\nthree")[1:] == [(" ", "one"), ("-", "two"), ("+", "2"), (" ", "three")]
    assert diff("same", "same") == []


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("text", "", "not empty"),
        ("text", CHAT, "not empty"),
        ("chat", "Hi", "list of 1"),
        ("chat", [{"role": "robot", "content": "x"}], "Message 1: the role"),
        ("chat", [CHAT[0], {"role": "user"}], "Message 2 must have"),
        ("chat", [{"role": "user", "content": 1}], "is a text"),
        ("poem", "Hi", "'text' or 'chat'"),
        ("text", "x" * 200_001, "200,001"),
        ("text", "a\x00b", "NUL"),
    ],
)
def test_what_cannot_be_a_prompt_is_said(kind: str, content: Any, words: str) -> None:
    with pytest.raises(BadPrompt, match=words):
        check_content(kind, content)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 101, None, 3])
def test_a_name_that_cannot_stand_in_an_address_is_refused(name: object) -> None:
    with pytest.raises(BadPrompt):
        check_name(name)


@pytest.mark.parametrize("labels", ["production", ["Latest!"], ["latest"], [1]])
def test_bad_and_reserved_labels_are_refused(labels: object) -> None:
    with pytest.raises(BadPrompt):
        check_labels(labels)


@pytest.mark.parametrize("config", [[], {"t": float("nan")}, {"t": [{"x": float("inf")}]}, {"x": "y" * 20_001}])
def test_a_config_is_a_small_plain_object(config: object) -> None:
    with pytest.raises(BadPrompt):
        check_config(config)
