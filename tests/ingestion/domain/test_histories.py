from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from apps.ingestion.domain.formats import parse
from apps.ingestion.domain.histories import End, join

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)


def pair(*said: str, at: str) -> dict[str, Any]:
    """Return a pair whose last turn is the answer; ``at`` is a time of the day."""
    turns = [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(said)]
    return {
        "timestamp": f"2026-11-02T{at}:00Z", "client_id": "shop", "request": {"model": "m", "messages": turns[:-1]},
        "response": {"choices": [{"message": turns[-1]}], "usage": {"total_tokens": 9}},
    }  # fmt: skip


class Pushes:
    """Joins push after push, and remembers the ends as the product does."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        self.sessions: dict[str, list[str]] = {}

    def push(self, *pairs: dict[str, Any]) -> None:
        parsed = parse("\n".join(map(json.dumps, pairs)).encode(), at=AT)
        joined = join(parsed.messages, parsed.threads, self.ends)
        known = {(end.history, end.session_id) for end in self.ends}
        self.ends += [end for end in joined.new if (end.history, end.session_id) not in known]
        for message in joined.messages:
            told = self.sessions.setdefault(message.session_id, [])
            # A message is known by who said what when, as its digest is.
            if (said := f"{message.sent_at_raw} {message.content}") not in told:
                told.append(said)

    def said(self) -> list[list[str]]:
        return sorted([text.split(" ", 1)[1] for text in told] for told in self.sessions.values())


ORDER = [
    pair("hi", "hello", at="10:00"),
    pair("hi", "hello", at="11:00"),
    pair("hi", "hello", "where is it?", "on its way", at="11:01"),
    pair("hi", "hello", "bye", "goodbye", at="11:02"),
]
TWO = [["hi", "hello", "bye", "goodbye"], ["hi", "hello", "where is it?", "on its way"]]


def pushed(pushes: Sequence[Sequence[dict[str, Any]]]) -> Pushes:
    made = Pushes()
    for each in pushes:
        made.push(*each)
    return made


def test_pairs_of_one_push_and_of_several_make_the_same_sessions() -> None:
    once, apart = pushed([ORDER]), pushed([[each] for each in ORDER])

    assert once.said() == apart.said() == TWO
    assert once.sessions == apart.sessions


@given(st.lists(st.integers(0, 3), max_size=6))
def test_pushing_any_of_them_again_changes_nothing(again: list[int]) -> None:
    made = pushed([[each] for each in ORDER])
    before = {name: list(said) for name, said in made.sessions.items()}

    for index in again:
        made.push(ORDER[index])

    assert made.sessions == before


def test_a_pair_that_comes_after_a_gap_brings_what_the_missing_one_would_have_brought() -> None:
    made = pushed([[pair("a", "b", at="10:00")], [pair("a", "b", "c", "d", "e", "f", at="10:02")]])

    assert made.said() == [["a", "b", "c", "d", "e", "f"]]


def test_a_record_twice_in_one_push_is_read_once_and_an_example_continues_nothing() -> None:
    example = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    longer = {"messages": [*example["messages"], {"role": "user", "content": "c"}]}
    parsed = parse("\n".join(map(json.dumps, [example, example, longer])).encode(), at=AT)

    joined = join(parsed.messages, parsed.threads, [])

    assert [message.content for message in joined.messages] == ["a", "b", "a", "b", "c"]
    assert len({message.session_id for message in joined.messages}) == 2
    assert joined.new == []
