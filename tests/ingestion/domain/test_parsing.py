from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
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


def test_openais_own_roles_refusals_and_calls_of_tools_are_read() -> None:
    call = {"function": {"name": "find_order", "arguments": '{"id": 7}'}}
    turns = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "where is 7?"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "shipped"},
    ]
    refusal = {"role": "assistant", "content": None, "refusal": "I cannot say."}
    pair = {
        "request": {"messages": turns, "user": "u-1"},
        "response": {"created": 1793613600, "choices": [{"message": refusal}]},
    }

    read = parse(json.dumps(pair).encode(), at=AT).messages

    assert [(message.role, message.content) for message in read] == [
        ("system", "Be kind."),
        ("user", "where is 7?"),
        ("tool", 'find_order({"id": 7})'),
        ("tool", "shipped"),
        ("assistant", "I cannot say."),
    ]
    assert {(message.user_id, message.sent_at.isoformat()) for message in read} == {
        ("u-1", "2026-11-02T10:00:00+00:00")
    }


@pytest.mark.parametrize(
    "bad", [b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}', b'{"a":"\xff"}', b'{"a":' + b"9" * 5000 + b"}"]
)
@pytest.mark.parametrize("frame", [b"[%s,%s]", b'{"records":[%s,%s]}'])
def test_one_bad_record_of_an_array_leaves_the_others(bad: bytes, frame: bytes) -> None:
    parsed = parse(frame % (bad, GOOD), at=AT)

    assert [error.line for error in parsed.errors] == [1]
    assert parsed.errors[0].original == bad
    assert parsed.lines_accepted == 1


def test_what_follows_an_array_is_not_lost_without_a_word() -> None:
    parsed = parse(b"[%s]\n%s" % (GOOD, GOOD), at=AT)

    assert ([e.code for e in parsed.errors], parsed.lines_accepted) == (["not_an_object"], 1)


def test_digits_in_a_text_are_no_number_and_content_stands_in_for_an_empty_message() -> None:
    digits = "1" * 5000
    read = parse(
        b"\n".join([GOOD.replace(b"hi", digits.encode()), GOOD.replace(b'"hi"', b'null,"content":"yes"')]), at=AT
    )

    assert [message.content for message in read.messages] == [digits, "yes"]


def test_keys_of_no_format_are_kept_with_the_metadata_which_has_the_last_word() -> None:
    line = GOOD[:-1] + b',"agent":"a1","channel":"chat","user":"u1","metadata":{"channel":"mail"}}'
    turn = {"role": "user", "content": "hi", "mood": "sour"}
    conversation = {"session_id": "c", "region": "eu", "metadata": {"tokens": 90}, "messages": [turn, turn]}

    said = parse(line, at=AT).messages[0]
    turns = parse(json.dumps(conversation).encode(), at=AT).messages

    assert (said.user_id, said.metadata) == ("u1", {"agent_id": "a1", "channel": "mail"})
    # What is counted is counted once.
    assert [each.metadata for each in turns] == [
        {"region": "eu", "mood": "sour"},
        {"region": "eu", "mood": "sour", "tokens": 90},
    ]


def test_the_tokens_of_a_pair_are_told_once() -> None:
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    answer = {"choices": [{"message": {"role": "assistant", "content": "a"}}]}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    pair = {"request": {"messages": turns}, "response": answer | {"usage": usage}}

    read = parse(json.dumps(pair).encode(), at=AT).messages

    assert [message.metadata.get("tokens") for message in read] == [None, None, usage]


def test_a_list_in_the_first_line_costs_that_line_and_a_spread_out_object_is_one_record() -> None:
    listed = parse(b"\n".join([b"[1, 2]", GOOD, GOOD]), at=AT)
    cut = parse(b"\n".join([b'[{"session_id"', GOOD, GOOD]), at=AT)
    conversation = {"session_id": "c", "messages": [{"role": "user", "content": "hi"}]}
    spread = parse(json.dumps(conversation, indent=2).encode(), at=AT)

    assert ([e.code for e in listed.errors], listed.lines_accepted) == (["not_an_object"], 2)
    assert ([e.code for e in cut.errors], cut.lines_accepted) == (["not_json"], 2)
    assert [message.content for message in spread.messages] == ["hi"]


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


# A loaded machine draws slowly; that says nothing about the parser.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(record=_RECORD, format_name=st.sampled_from(["auto", "messages", "conversations", "openai"]))
def test_any_json_under_known_names_is_read_or_rejected_by_line(record: dict[str, object], format_name: str) -> None:
    parsed = parse(json.dumps(record).encode(), at=AT, format_name=format_name)

    assert parsed.lines_accepted + len(parsed.errors) == 1
