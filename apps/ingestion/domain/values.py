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


class Thread(msgspec.Struct, frozen=True):
    """A record that carries a whole history and names no session: see ``histories``.

    ``histories`` are digests of the history after each of its turns, ``identity`` one of the record itself.
    """

    line: int
    histories: list[str]
    identity: str
    continues: bool


class LineError(msgspec.Struct, frozen=True):
    """A rejected line: its 1-based number, a stable code, what is wrong in words, and the line as it came.

    ``original`` is empty where it is too long to be kept.
    """

    line: int
    code: str
    detail: str
    original: bytes = b""


class LineWarning(msgspec.Struct, frozen=True):
    """Something accepted with a remark; ``line`` is the first of ``count`` such lines."""

    line: int
    code: str
    detail: str
    count: int


class ParsedBatch(msgspec.Struct, frozen=True):
    """What a push holds. ``lines_accepted`` counts lines (or records), not messages.

    Messages of ``threads`` stand under names of their own until they are joined.
    """

    format: str
    messages: list[ParsedMessage]
    errors: list[LineError]
    warnings: list[LineWarning]
    lines_accepted: int
    threads: list[Thread] = []
