"""Fields every format shares: text that PostgreSQL can hold, times with a zone, metadata with known names."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.ingestion.domain.values import Thread

MAX_DEPTH = 64
ROLES = frozenset({"user", "assistant", "system", "tool"})
_ALIASES = {"agent": "agent_id", "user": "user_id"}
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Rejected(ValueError):
    """This line cannot be kept; ``code`` is stable, the message says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Remarks:
    """What is told of one push beside its messages: warnings by code with the first line of each, and threads."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[int, str, int]] = {}
        # Of formats that carry the whole history.
        self.threads: list[Thread] = []

    def add(self, line: int, code: str, detail: str) -> None:
        """Count one more line with this remark."""
        first, words, count = self.seen.get(code, (line, detail, 0))
        self.seen[code] = (first, words, count + 1)


def clean_text(text: str, line: int, remarks: Remarks) -> str:
    """Return the text without NUL (replaced by U+FFFD, with a remark). Raises Rejected for lone surrogates."""
    if "\0" in text:
        text = text.replace("\0", "�")
        remarks.add(line, "nul_replaced", "NUL characters were replaced by U+FFFD")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Rejected("lone_surrogate", "half a surrogate pair is not a character") from error
    return text


def clean_value(value: Any, line: int, remarks: Remarks, depth: int = 1) -> Any:
    """Return a JSON value PostgreSQL can hold, keys included. Raises Rejected."""
    if isinstance(value, str):
        return clean_text(value, line, remarks)
    if depth > MAX_DEPTH:
        raise Rejected("too_deep", f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        return {
            clean_text(key, line, remarks): clean_value(inner, line, remarks, depth + 1) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [clean_value(inner, line, remarks, depth + 1) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise Rejected("bad_number", "a number is not finite")
    return value


def read_time(value: Any, line: int, at: datetime, remarks: Remarks) -> datetime:
    """Return an aware time in UTC from ISO 8601. Without a zone: UTC and a remark. Raises Rejected."""
    if value is None:
        remarks.add(line, "no_timestamp", "no timestamp: the time of the push was taken")
        return at
    if not isinstance(value, str):
        raise Rejected("bad_timestamp", "timestamp must be an ISO 8601 string")
    try:
        moment = datetime.fromisoformat(value.upper())
        if moment.tzinfo is None:
            remarks.add(line, "no_zone", "timestamps without a zone were read as UTC")
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Rejected("bad_timestamp", f"timestamp {value!r} is not ISO 8601") from error
    if not _EARLIEST <= moment <= at + timedelta(days=366):
        remarks.add(line, "odd_time", "timestamps far in the past or future were kept as they are")
    return moment


def read_role(value: Any) -> str:
    """Return a known role. Raises Rejected."""
    if not isinstance(value, str) or value not in ROLES:
        raise Rejected("bad_role", f"role must be user, assistant, system or tool, not {str(value)!r}")
    return value


def read_session_id(value: Any, line: int, remarks: Remarks) -> str:
    """Return the session's id as text. Raises Rejected when there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise Rejected("no_session_id", "no session_id")
    if len(value) > 500:
        raise Rejected("session_id_too_long", "session_id has more than 500 characters")
    return clean_text(value, line, remarks)


def read_metadata(value: Any, line: int, remarks: Remarks) -> dict[str, Any]:
    """Return metadata under its canonical names. Raises Rejected when it is no object."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Rejected("bad_metadata", "metadata must be an object")
    cleaned = clean_value(value, line, remarks)
    return {_ALIASES.get(key, key): inner for key, inner in cleaned.items()}


def read_identifier(value: Any, line: int, remarks: Remarks) -> str:
    """Return an optional id as text, empty where there is none."""
    if value is None or isinstance(value, dict | list | bool):
        return ""
    return clean_text(str(value), line, remarks)[:500]
