"""Formats 1, 2 and 4: a message a line, a conversation an object, and OpenAI's shapes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from apps.ingestion.domain.formats import fields
from apps.ingestion.domain.formats.fields import Rejected, Remarks
from apps.ingestion.domain.histories import make_thread, session_name
from apps.ingestion.domain.values import ParsedMessage

_LINE_KEYS = frozenset({"session_id", "role", "message", "content", "timestamp", "user_id", "id", "metadata"})
_CONVERSATION_KEYS = frozenset({"session_id", "user_id", "created_at", "messages", "metadata"})
_TURN_KEYS = ("role", "content", "refusal", "tool_calls", "function_call", "timestamp", "metadata")
_COUNTED = ("tokens", "cost")
_ROLES = {"developer": "system", "function": "tool"}
_FAR_SECONDS = 2**35  # some year of the fourth millennium
_LAST_PLACE = 2_000_000  # an integer of four bytes holds it a thousandfold


def read_message(record: dict[str, Any], line: int, at: datetime, remarks: Remarks) -> list[ParsedMessage]:
    """Read format 1: ``{"session_id","role","message"|"content","timestamp","user_id"?,"metadata"?}``."""
    session_id = fields.read_session_id(record.get("session_id"), line, remarks)
    return [_message(_with_extras(record, _LINE_KEYS), session_id, line, _place(line), at, remarks)]


def read_conversation(record: dict[str, Any], line: int, at: datetime, remarks: Remarks) -> list[ParsedMessage]:
    """Read format 2: ``{"session_id","user_id","created_at","messages":[…],"metadata"}``."""
    session_id = fields.read_session_id(record.get("session_id"), line, remarks)
    shared = fields.read_metadata(_with_extras(record, _CONVERSATION_KEYS).get("metadata"), line, remarks)
    if record.get("user_id") is not None:
        shared["user_id"] = record["user_id"]
    # What is counted is said once, not with every turn.
    once = {key: shared.pop(key) for key in _COUNTED if key in shared}
    turns = record.get("messages")
    if isinstance(turns, list):
        turns = [_with_extras(turn, _LINE_KEYS) if isinstance(turn, dict) else turn for turn in turns]
    return _turns(turns, session_id, shared, once, record.get("created_at"), line, at, remarks)


def read_openai(record: dict[str, Any], line: int, at: datetime, remarks: Remarks) -> list[ParsedMessage]:
    """Read format 4: a request/response pair, or a fine-tuning example ``{"messages":[…]}``.

    Neither names its session. A pair carries the whole history so far and goes on with the session it continues (see
    ``histories``); an example is a session of its own.
    """
    request, response = record.get("request"), record.get("response")
    shared: dict[str, Any] = {}
    once: dict[str, Any] = {}
    if not isinstance(request, dict):
        turns = record.get("messages")
    else:
        asked = request.get("messages")
        turns = list(asked) if isinstance(asked, list) else []
        shared = {name: record[name] for name in ("client_id", "workload_id") if isinstance(record.get(name), str)}
        if request.get("model"):
            shared["model"] = request["model"]
        if isinstance(request.get("user"), str):
            shared["user_id"] = request["user"]
        if isinstance(response, dict):
            turns += [choice.get("message") for choice in _objects(response.get("choices"))[:1]]
            once = _usage(response.get("usage"))
    if not isinstance(turns, list) or not turns:
        raise Rejected("no_messages", "messages must be a list with at least one message")
    thread = make_thread(line, turns, record, continues=isinstance(request, dict))
    when = record.get("timestamp", _created(response))
    read = _turns([_openai_turn(turn) for turn in turns], session_name(thread), shared, once, when, line, at, remarks)
    remarks.threads.append(thread)
    return read


def _with_extras(record: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return the record with the keys that are not its format's own among its metadata, where unknown ones are kept."""
    extras = record.keys() - known
    own = record.get("metadata")
    if not extras or not (own is None or isinstance(own, dict)):
        return record
    return {**record, "metadata": {**{key: record[key] for key in extras}, **(own or {})}}


def _usage(usage: Any) -> dict[str, Any]:
    """Return what an answer says it cost in tokens, of its request and of itself."""
    counts = usage if isinstance(usage, dict) else {}
    told = {key: counts[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens") if counts.get(key)}
    return {"tokens": told} if told else {}


def _created(response: Any) -> str | None:
    """Return when the answer was made, by its own word in seconds since 1970; None where it does not say."""
    created = response.get("created") if isinstance(response, dict) else None
    if not isinstance(created, int) or not 0 <= created < _FAR_SECONDS:
        return None
    return datetime.fromtimestamp(created, UTC).isoformat()


def _openai_turn(turn: Any) -> Any:
    """Return a turn in our own roles and with its text: what an answer refuses with, or the tools that it calls."""
    if not isinstance(turn, dict):
        return turn
    turn = {key: turn[key] for key in _TURN_KEYS if key in turn}
    turn["role"] = _ROLES.get(str(turn.get("role")), turn.get("role"))
    if turn.get("content") is not None:
        return turn
    if isinstance(turn.get("refusal"), str):
        return {**turn, "content": turn["refusal"]}
    calls = [call.get("function") for call in _objects(turn.get("tool_calls"))] or [turn.get("function_call")]
    called = [f"{call.get('name')}({call.get('arguments')})" for call in _objects(calls)]
    # No reply to anybody: nothing a person reads is judged by it.
    return {**turn, "role": "tool", "content": "\n".join(called)} if called else turn


def _turns(
    turns: Any, session_id: str, shared: dict[str, Any], once: dict[str, Any], when: Any, line: int, at: datetime,
    remarks: Remarks,
) -> list[ParsedMessage]:  # fmt: skip
    """Read turns: each has what is ``shared``, the last one also what is said ``once``; ``when`` is their default."""
    if not isinstance(turns, list) or not turns:
        raise Rejected("no_messages", "messages must be a list with at least one message")
    read = []
    for index, turn in enumerate(turns):
        if not isinstance(turn, dict):
            raise Rejected("bad_message", f"message {index + 1} is not an object")
        if turn.get("timestamp") is None:
            turn = {**turn, "timestamp": when}
        own = turn.get("metadata")
        if index == len(turns) - 1:
            shared = {**shared, **once}
        merged = {**shared, **own} if isinstance(own, dict) else (shared if own is None else own)
        read.append(_message({**turn, "metadata": merged}, session_id, line, _place(line) + index, at, remarks))
    return read


def _message(
    record: dict[str, Any], session_id: str, line: int, position: int, at: datetime, remarks: Remarks
) -> ParsedMessage:
    content = record.get("message")
    if content is None:
        content = record.get("content")
    if isinstance(content, list):  # OpenAI's content parts
        texts = [part.get("text") if isinstance(part, dict) else part for part in content]
        content = "\n".join(text for text in texts if isinstance(text, str))
    if not isinstance(content, str):
        raise Rejected("no_content", "neither message nor content holds text")
    metadata = fields.read_metadata(record.get("metadata"), line, remarks)
    named = metadata.pop("user_id", None)
    user = record["user_id"] if record.get("user_id") is not None else named
    raw = record.get("timestamp")
    return ParsedMessage(
        line=line,
        position=position,
        session_id=session_id,
        role=fields.read_role(record.get("role")),
        content=fields.clean_text(content, line, remarks),
        sent_at=fields.read_time(raw, line, at, remarks),
        sent_at_raw=raw if isinstance(raw, str) else "",
        user_id=fields.read_identifier(user, line, remarks),
        client_message_id=fields.read_identifier(record.get("id"), line, remarks),
        metadata=metadata,
    )


def _place(line: int) -> int:
    """Return where a line's first message stands among those of the same second; lines past the bound share one."""
    return min(line, _LAST_PLACE) * 1000


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def lines_of(body: bytes, first_line: int = 1) -> Iterator[tuple[int, bytes]]:
    """Yield (physical line number, line) of every line that is not blank; the body's first is ``first_line``."""
    for number, line in enumerate(body.split(b"\n"), first_line):
        if stripped := line.strip():
            yield number, stripped
