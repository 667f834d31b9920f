"""Formats 1, 2 and 4: a message a line, a conversation an object, and OpenAI's shapes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from apps.ingestion.domain.formats import fields
from apps.ingestion.domain.formats.fields import Rejected, Remarks
from apps.ingestion.domain.values import ParsedMessage


def read_message(record: dict[str, Any], line: int, at: datetime, remarks: Remarks) -> list[ParsedMessage]:
    """Read format 1: ``{"session_id","role","message"|"content","timestamp","user_id"?,"metadata"?}``."""
    session_id = fields.read_session_id(record.get("session_id"), line, remarks)
    return [_message(record, session_id, line, line * 1000, at, remarks)]


def read_conversation(record: dict[str, Any], line: int, at: datetime, remarks: Remarks) -> list[ParsedMessage]:
    """Read format 2: ``{"session_id","user_id","created_at","messages":[…],"metadata"}``."""
    session_id = fields.read_session_id(record.get("session_id"), line, remarks)
    shared = fields.read_metadata(record.get("metadata"), line, remarks)
    if record.get("user_id") is not None:
        shared["user_id"] = record["user_id"]
    return _turns(record.get("messages"), session_id, shared, record.get("created_at"), line, at, remarks)


def read_openai(record: dict[str, Any], line: int, at: datetime, remarks: Remarks) -> list[ParsedMessage]:
    """Read format 4: a request/response pair, or a fine-tuning example ``{"messages":[…]}``.

    Neither names its session. A pair carries the whole history so far: it belongs to the session of the pair in this
    push whose history it continues (the longest one), and only what is new in it is read. Any other record begins a
    session named by its own content, so that pushing it again changes nothing and two files never mix.
    """
    request, response = record.get("request"), record.get("response")
    shared: dict[str, Any] = {}
    if not isinstance(request, dict):
        turns = record.get("messages")
    else:
        asked = request.get("messages")
        turns = list(asked) if isinstance(asked, list) else []
        shared = {name: record[name] for name in ("client_id", "workload_id") if isinstance(record.get(name), str)}
        if request.get("model"):
            shared["model"] = request["model"]
        if isinstance(response, dict):
            turns += [choice.get("message") for choice in _objects(response.get("choices"))[:1]]
            usage = response.get("usage")
            shared["tokens"] = usage.get("total_tokens") if isinstance(usage, dict) else None
    if not isinstance(turns, list) or not turns:
        raise Rejected("no_messages", "messages must be a list with at least one message")
    session_id, known = _session_of(turns, record, remarks)
    session_id = fields.read_session_id(session_id, line, remarks)
    read = _turns(turns, session_id, shared, record.get("timestamp"), line, at, remarks)
    return read[known:]


def _session_of(turns: list[Any], record: dict[str, Any], remarks: Remarks) -> tuple[str, int]:
    """Return the session these turns belong to, and how many of them are known already."""
    running, histories = hashlib.sha256(), []
    for turn in turns:
        told = [turn.get("role"), turn.get("content")] if isinstance(turn, dict) else turn
        running.update(json.dumps(told, sort_keys=True, default=str).encode("utf-8", "backslashreplace"))
        histories.append(running.hexdigest())
    session_id, known = "", 0
    for length in range(len(turns) - 1, 0, -1):
        # Taken out: two sessions that began alike each continue once.
        if open_ones := remarks.histories.get(histories[length - 1]):
            session_id, known = open_ones.pop(), length
            break
    if not session_id:
        running.update(json.dumps([record.get("id"), record.get("timestamp"), record.get("client_id")]).encode())
        session_id = f"openai-{running.hexdigest()[:20]}"
    remarks.histories.setdefault(histories[-1], []).append(session_id)
    return session_id, known


def _turns(
    turns: Any, session_id: str, shared: dict[str, Any], when: Any, line: int, at: datetime, remarks: Remarks
) -> list[ParsedMessage]:
    if not isinstance(turns, list) or not turns:
        raise Rejected("no_messages", "messages must be a list with at least one message")
    read = []
    for index, turn in enumerate(turns):
        if not isinstance(turn, dict):
            raise Rejected("bad_message", f"message {index + 1} is not an object")
        if turn.get("timestamp") is None:
            turn = {**turn, "timestamp": when}
        own = turn.get("metadata")
        merged = {**shared, **own} if isinstance(own, dict) else (shared if own is None else own)
        read.append(_message({**turn, "metadata": merged}, session_id, line, line * 1000 + index, at, remarks))
    return read


def _message(
    record: dict[str, Any], session_id: str, line: int, position: int, at: datetime, remarks: Remarks
) -> ParsedMessage:
    content = record.get("message", record.get("content"))
    if isinstance(content, list):  # OpenAI's content parts
        content = "\n".join(str(part.get("text", "")) for part in _objects(content))
    if not isinstance(content, str):
        raise Rejected("no_content", "neither message nor content holds text")
    metadata = fields.read_metadata(record.get("metadata"), line, remarks)
    user = record.get("user_id", metadata.pop("user_id", None))
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


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def lines_of(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (1-based physical line number, line) of every line that is not blank."""
    for number, line in enumerate(body.split(b"\n"), 1):
        if stripped := line.strip():
            yield number, stripped
