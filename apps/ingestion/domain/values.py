"""The values of capture: what a push says, line by line, before anything is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class ParsedMessage(msgspec.Struct, frozen=True, gc=False):
    """One accepted message.

    ``line`` is the 1-based physical line (or the record's number in a JSON document), ``position`` the message's place
    in its push. ``sent_at`` is aware and in UTC; where the client sent no time it is the time of the push, with a
    warning. ``sent_at_raw`` is the timestamp as it was sent, empty without one. ``metadata`` has canonical names
    (agent → agent_id) and keeps values of every JSON type; the user stands in ``user_id`` alone.
    ``in_history`` says that the line told the whole conversation so far, so an earlier push may have told this already.
    """

    line: int
    position: int
    session_id: str
    role: str
    content: str
    sent_at: datetime
    sent_at_raw: str
    user_id: str = ""
    client_message_id: str = ""
    metadata: dict[str, Any] = {}
    in_history: bool = False


class LineError(msgspec.Struct, frozen=True):
    """A rejected line: its 1-based number, a stable code, what is wrong in words, and its masked beginning."""

    line: int
    code: str
    detail: str
    excerpt: str = ""


class LineWarning(msgspec.Struct, frozen=True):
    """Something accepted with a remark; ``line`` is the first of ``count`` places, None when it is about the whole."""

    line: int | None
    code: str
    detail: str
    count: int


class ParsedBatch(msgspec.Struct, frozen=True):
    """What a push holds. ``lines_accepted`` counts lines (or records), not messages.

    ``format`` is the format of its first record. ``whole_history`` says that some messages are ``in_history``.
    """

    format: str
    messages: list[ParsedMessage]
    errors: list[LineError]
    warnings: list[LineWarning]
    lines_accepted: int
    whole_history: bool = False


class ConversationFields(msgspec.Struct, frozen=True):
    """What a session's messages say about the conversation as a whole; empty text where they say nothing."""

    user_id: str
    agent_id: str
    channel: str
    variant: str
    prompt_name: str
    prompt_version: str
    assignment_id: str
    model: str
    environment: str
    tags: list[str]
    metadata: dict[str, Any]
