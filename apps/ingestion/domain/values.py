"""The values of capture: what a push says, line by line, before anything is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class ParsedMessage(msgspec.Struct, frozen=True, gc=False):
    """One accepted message. ``sent_at`` is aware; ``sent_at_raw`` is the timestamp as the client wrote it."""

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


class LineError(msgspec.Struct, frozen=True):
    """A rejected line: its 1-based number, a stable code, and what is wrong in words."""

    line: int
    code: str
    detail: str


class LineWarning(msgspec.Struct, frozen=True):
    """Something accepted with a remark; ``line`` is the first of ``count`` such lines."""

    line: int
    code: str
    detail: str
    count: int


class ParsedBatch(msgspec.Struct, frozen=True):
    """What a push holds. ``lines_accepted`` counts lines (or records), not messages."""

    format: str
    messages: list[ParsedMessage]
    errors: list[LineError]
    warnings: list[LineWarning]
    lines_accepted: int
