from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ingestion.domain.digests import digest_messages
from apps.ingestion.domain.formats import UnknownFormat, UnreadableBody, parse

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
GOOD = b'{"session_id":"s","role":"user","message":"hi","timestamp":"2026-11-02T10:00:00Z"}'


def codes(body: bytes) -> list[tuple[int, str]]:
    return [(error.line, error.code) for error in parse(body, at=AT).errors]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"session_id":"s","role":"us', "not_json"),
        (b'{"role":"user","message":"hi"}', "no_session_id"),
        (GOOD.replace(b"user", b"pirate"), "bad_role"),
        (GOOD.replace(b'"hi"', b"7"), "no_content"),
        (GOOD.replace(b"2026-11", b"2026-99"), "bad_timestamp"),
        (GOOD.replace(b'"hi"', b'"\xff"'), "invalid_utf8"),
        (GOOD.replace(b'"hi"', b'"\\ud800"'), "lone_surrogate"),
        (GOOD[:-1] + b',"metadata":{"\\ud800":1}}', "lone_surrogate"),
        (GOOD[:-1] + b',"metadata":{"x":NaN}}', "bad_number"),
        (GOOD[:-1] + b',"metadata":{"x":1e999}}', "bad_number"),
        (GOOD[:-1] + b',"metadata":{"x":' + b"9" * 5000 + b"}}", "bad_number"),
        (GOOD[:-1] + b',"metadata":{"x":' + b"[" * 70 + b"]" * 70 + b"}}", "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b'"just text"', "not_an_object"),
        (b'{"colour":"red"}', "unknown_record"),
        (b'{"session_id":"s","role":"user","message":"' + b"x" * 2**21 + b'"}', "line_too_long"),
        (b'{"request":{"messages":true}}', "no_messages"),
        (b'{"request":{},"response":{"choices":7}}', "no_messages"),
    ],
)
def test_a_bad_line_is_named_with_its_code_and_the_good_ones_stay(line: bytes, code: str) -> None:
    parsed = parse(b"\n".join([GOOD, b"", line, GOOD]), at=AT)

    assert [(error.line, error.code) for error in parsed.errors] == [(3, code)]
    assert parsed.lines_accepted == 2


def test_nul_is_replaced_and_counted_in_keys_too() -> None:
    body = GOOD[:-1].replace(b"hi", b"a\\u0000b") + b',"metadata":{"k\\u0000":1}}'

    parsed = parse(body, at=AT)

    assert parsed.messages[0].content == "a�b"
    assert parsed.messages[0].metadata == {"k�": 1}
    assert parsed.warnings[0].code == "nul_replaced"


def test_odd_times_are_kept_with_a_warning() -> None:
    lines = [GOOD.replace(b"Z", b""), GOOD.replace(b"2026-11-02", b"1970-01-01"), GOOD.replace(b"2026", b"2036")]

    parsed = parse(b"\n".join(lines), at=AT)

    assert [m.sent_at.year for m in parsed.messages] == [2026, 1970, 2036]
    assert {(w.code, w.count) for w in parsed.warnings} == {("no_zone", 1), ("odd_time", 2)}


def test_aliases_duplicate_keys_and_mixed_types_are_understood() -> None:
    body = b'{"session_id":"s","role":"user","role":"assistant","message":"hi","timestamp":"2026-11-02T10:00:00+01:00",'
    body += b'"metadata":{"agent":"a1","user":"u1","escalated":"immediate"}}'

    message = parse(body, at=AT).messages[0]

    assert (message.role, message.user_id, message.sent_at.hour) == ("assistant", "u1", 9)
    assert message.metadata == {"agent_id": "a1", "escalated": "immediate"}


def test_conversation_objects_arrays_records_and_openai_pairs_are_read() -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    conversation = {"session_id": "c", "created_at": "2026-11-02T10:00:00Z", "messages": turns}
    pair = {
        "timestamp": "2026-11-02T10:00:00Z", "client_id": "p", "request": {"model": "m", "messages": turns[:1]},
        "response": {"choices": [{"message": turns[1]}], "usage": {"total_tokens": 9}},
    }  # fmt: skip

    for body in (json.dumps([conversation, pair]), json.dumps({"records": [conversation, pair]}),
                 f"{json.dumps(conversation)}\n{json.dumps(pair)}"):  # fmt: skip
        parsed = parse(body.encode(), at=AT)
        named = parsed.messages[2].session_id
        assert named.startswith("openai-")
        assert [(m.session_id, m.role) for m in parsed.messages] == [
            ("c", "user"), ("c", "assistant"), (named, "user"), (named, "assistant"),
        ]  # fmt: skip
        assert parsed.errors == []


def test_an_unknown_format_name_and_a_broken_array_are_refused_whole() -> None:
    with pytest.raises(UnknownFormat, match="there is no format 'csv'"):
        parse(GOOD, at=AT, format_name="csv")
    with pytest.raises(UnreadableBody):
        parse(b'[{"session_id": "s"', at=AT)


def test_saying_yes_twice_is_two_messages_and_pushing_again_is_the_same_two() -> None:
    body = b"\n".join([GOOD, GOOD])

    first = digest_messages(b"secret", parse(body, at=AT).messages)
    again = digest_messages(b"secret", parse(body, at=AT).messages)

    assert first == again
    assert len(set(first)) == 2
    assert set(first).isdisjoint(digest_messages(b"other", parse(body, at=AT).messages))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise_anything_unexpected(body: bytes) -> None:
    try:
        parse(body, at=AT)
    except UnreadableBody as error:
        assert error.code


def test_pairs_that_carry_their_history_are_one_session_and_read_once() -> None:
    def pair(*said: str, at: str) -> bytes:
        turns = [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(said)]
        reply = {"choices": [{"message": turns[-1]}], "usage": {"total_tokens": 9}}
        record = {"timestamp": at, "client_id": "shop", "request": {"model": "m", "messages": turns[:-1]}}
        return json.dumps({**record, "response": reply}).encode()

    body = b"\n".join([
        pair("hi", "hello", at="2026-11-02T10:00:00Z"),
        pair("hi", "hello", at="2026-11-02T11:00:00Z"),
        pair("hi", "hello", "where is it?", "on its way", at="2026-11-02T11:01:00Z"),
        pair("hi", "hello", "bye", "goodbye", at="2026-11-02T11:02:00Z"),
    ])  # fmt: skip

    read = parse(body, at=AT).messages
    again = parse(body, at=AT).messages

    sessions = list(dict.fromkeys(message.session_id for message in read))
    said = {name: [m.content for m in read if m.session_id == name] for name in sessions}
    assert sorted(said.values()) == [
        ["hi", "hello", "bye", "goodbye"],
        ["hi", "hello", "where is it?", "on its way"],
    ]
    assert [message.session_id for message in again] == [message.session_id for message in read]


def test_the_first_pair_of_two_files_never_makes_one_session() -> None:
    def one(text: str) -> str:
        record = {"request": {"messages": [{"role": "user", "content": text}]}, "response": {"choices": []}}
        return parse(json.dumps(record).encode(), at=AT).messages[0].session_id

    assert one("hello") != one("help")
    assert one("hello") == one("hello")


@pytest.mark.parametrize("usage", ["null", "7", '"many"', '[{"total_tokens":3}]'])
def test_a_response_whose_usage_is_no_object_keeps_its_messages(usage: str) -> None:
    body = f'{{"request":{{"messages":[{{"role":"user","content":"hi"}}]}},"response":{{"usage":{usage}}}}}'

    parsed = parse(body.encode(), at=AT)

    assert [message.content for message in parsed.messages] == ["hi"]


@pytest.mark.parametrize("format_name", ["conversations", "openai"])
def test_a_record_that_is_not_of_the_named_format_is_rejected_by_line(format_name: str) -> None:
    parsed = parse(GOOD, at=AT, format_name=format_name)

    assert [(error.line, error.code) for error in parsed.errors] == [(1, "no_messages")]


_LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["user", "assistant"])
_NAMES = [
    "role",
    "content",
    "message",
    "messages",
    "text",
    "metadata",
    "usage",
    "choices",
    "total_tokens",
    "model",
    "id",
]
_VALUE = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=8,
)
_RECORD = st.dictionaries(
    st.sampled_from(["session_id", "request", "response", "created_at", "timestamp", "user_id", *_NAMES]), _VALUE
)


@given(record=_RECORD, format_name=st.sampled_from(["auto", "messages", "conversations", "openai"]))
def test_any_json_under_known_names_is_read_or_rejected_by_line(record: dict[str, object], format_name: str) -> None:
    parsed = parse(json.dumps(record).encode(), at=AT, format_name=format_name)

    assert parsed.lines_accepted + len(parsed.errors) == 1
