"""The form a message has between acceptance and storage: redacted, digested, one NDJSON line each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class StoredMessage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One accepted message. ``digest`` is 32 hex characters, made before redaction; ``position`` is its line."""

    session_id: str
    digest: str
    role: str
    content: str
    sent_at: datetime
    position: int
    user_hash: str = ""
    metadata: dict[str, Any] = {}


class StoredSession(msgspec.Struct, frozen=True):
    """What a push says about one session: how many different messages, typed fields, its other metadata merged."""

    session_id: str
    digests: int
    started_at: datetime
    last_at: datetime
    user_hash: str
    agent: str
    channel: str
    variant: str
    prompt_version: str
    assignments: list[str]
    model: str
    environment: str
    tags: list[str]
    metadata: dict[str, Any]


# Metadata that speaks about one turn only; it stays on its message.
_OF_A_TURN = frozenset({"response_time_ms", "confidence", "tokens", "cost", "prompt_name", "user_id"})
_MOST_ASSIGNMENTS = 20


def group_into_sessions(messages: list[StoredMessage]) -> list[StoredSession]:
    """Return one value a session, sorted by session_id; of a field said twice the later message's value stands."""
    grouped: dict[str, list[StoredMessage]] = {}
    for message in messages:
        grouped.setdefault(message.session_id, []).append(message)
    return [_summarize(session_id, grouped[session_id]) for session_id in sorted(grouped)]


def _summarize(session_id: str, messages: list[StoredMessage]) -> StoredSession:
    ordered = sorted(messages, key=lambda message: (message.sent_at, message.position))
    merged: dict[str, Any] = {}
    user_hash = ""
    tags: set[str] = set()
    assignments: set[str] = set()
    for message in ordered:
        user_hash = message.user_hash or user_hash
        if message.metadata:
            merged.update(message.metadata)
            tags.update(_tags(message.metadata.get("tags")))
            # Not the last one alone: a conversation that used two prompts was part of two experiments.
            assignments.update(each for each in _tags(message.metadata.get("assignment_id")) if len(each) <= 100)
    return StoredSession(
        session_id=session_id,
        digests=len({message.digest for message in messages}),
        started_at=ordered[0].sent_at,
        last_at=ordered[-1].sent_at,
        user_hash=user_hash,
        agent=_text(merged.get("agent_id"), 200),
        channel=_text(merged.get("channel"), 100),
        variant=_text(merged.get("variant"), 100),
        prompt_version=_text(merged.get("prompt_version"), 100),
        assignments=sorted(assignments)[:_MOST_ASSIGNMENTS],
        model=_text(merged.get("model"), 100),
        environment=_text(merged.get("environment"), 50),
        tags=sorted(tags),
        metadata={key: value for key, value in merged.items() if key not in _OF_A_TURN},
    )


def _text(value: Any, longest: int) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)[:longest]


def _tags(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(tag) for tag in value if isinstance(tag, str | int)] if isinstance(value, list) else []
