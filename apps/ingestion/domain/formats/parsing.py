"""From a body to messages: which format it is, and what each of its lines holds.

The common case is one pass of msgspec over each line; only a line it refuses is looked at again to say why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from apps.ingestion.domain.formats import records
from apps.ingestion.domain.formats.fields import MAX_DEPTH, Rejected, Remarks
from apps.ingestion.domain.values import LineError, LineWarning, ParsedBatch, ParsedMessage

MAX_LINES = 10_000
MAX_LINE_BYTES = 1024 * 1024
Reader = Callable[[dict[str, Any], int, datetime, Remarks], list[ParsedMessage]]
FORMATS: dict[str, Reader] = {
    "messages": records.read_message,
    "conversations": records.read_conversation,
    "openai": records.read_openai,
}
_NAMES = {
    "jsonl": "messages",
    "message-per-line": "messages",
    "conversation": "conversations",
    **{k: k for k in FORMATS},
}
_decode = msgspec.json.Decoder().decode
_LONG_INTEGER = re.compile(rb"(?<![\d.eE])-?\d{400,}")
_LONG_DIGITS, _ONE_DIGIT = b"0" * 400, bytes.maketrans(b"123456789", b"0" * 9)


class UnknownFormat(ValueError):
    """The named format does not exist, or the body is in none that we know."""


class UnreadableBody(ValueError):
    """The body as a whole cannot be read; ``status`` is the HTTP status that says so, ``code`` is stable."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


def parse(body: bytes, *, at: datetime, format_name: str = "auto") -> ParsedBatch:
    """Read a push. ``at`` is its time: the default timestamp, and the measure of what is odd.

    Raises UnknownFormat and UnreadableBody when there is nothing to judge line by line.
    """
    if format_name != "auto" and format_name not in _NAMES:
        raise UnknownFormat(f"there is no format {format_name[:40]!r}; there are: {', '.join(sorted(_NAMES))}")
    body = body.removeprefix(b"\xef\xbb\xbf")
    reader = None if format_name == "auto" else FORMATS[_NAMES[format_name]]
    named = "" if reader is None else _NAMES[format_name]
    messages: list[ParsedMessage] = []
    errors: list[LineError] = []
    remarks = Remarks()
    accepted = 0
    for line, record in _records(body, errors):
        try:
            if not isinstance(record, dict):
                raise Rejected("not_an_object", "the line is JSON, but no object")
            line_reader = reader
            if line_reader is None:
                name = detect(record)
                line_reader, named = FORMATS[name], named or name
            messages += line_reader(record, line, at, remarks)
            accepted += 1
        except Rejected as error:
            errors.append(LineError(line, error.code, str(error)))
        except RecursionError:
            errors.append(LineError(line, "too_deep", f"nested deeper than {MAX_DEPTH}"))
    warnings = [LineWarning(line, code, detail, n) for code, (line, detail, n) in remarks.seen.items()]
    errors.sort(key=lambda error: error.line)
    return ParsedBatch(named or "unknown", messages, errors, warnings, accepted)


def detect(record: dict[str, Any]) -> str:
    """Return the format of one record by the keys it has. Raises Rejected when it is none we know."""
    if isinstance(record.get("request"), dict):
        return "openai"
    if "messages" in record:
        return "conversations" if "session_id" in record else "openai"
    if "role" in record or "session_id" in record:
        return "messages"
    keys = ", ".join(sorted(map(str, record))[:6]) or "none"
    raise Rejected("unknown_record", f"neither session_id nor messages nor request is there (keys: {keys})")


def _records(body: bytes, errors: list[LineError]) -> Iterable[tuple[int, Any]]:
    """Yield (number, decoded record); lines that are no JSON go to ``errors``."""
    whole = _whole_document(body)
    if whole is not None:
        _check_count(len(whole))
        yield from enumerate(whole, 1)
        return
    lines = list(records.lines_of(body))
    _check_count(len(lines))
    # Looked for once, as bytes: nearly no body holds any, and the pattern is slow.
    long_digits = _LONG_DIGITS in body.translate(_ONE_DIGIT)
    for number, line in lines:
        if len(line) > MAX_LINE_BYTES:
            errors.append(LineError(number, "line_too_long", f"the line has {len(line):,} bytes, more than 1 MiB"))
            continue
        try:
            if long_digits and _LONG_INTEGER.search(line):
                raise Rejected("bad_number", "an integer has more than 400 digits")
            record = _decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError) as error:
            errors.append(_why(number, line, error))
            continue
        yield number, record


def _check_count(count: int) -> None:
    if count > MAX_LINES:
        raise UnreadableBody(413, "too_many_lines", f"a push has at most {MAX_LINES:,} lines; this one has {count:,}")


def _whole_document(body: bytes) -> list[Any] | None:
    """Return the records of a body that is one JSON document: ``{"records":[…]}``, an array, or None."""
    start = body[:200].lstrip()
    if start[:1] == b"[":
        pass
    elif not (start[:1] == b"{" and b'"records"' in start):
        return None
    try:
        if _LONG_INTEGER.search(body):
            raise UnreadableBody(422, "bad_number", "an integer has more than 400 digits")
        document = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        if start[:1] == b"[":
            raise UnreadableBody(400, "not_json", f"the JSON array cannot be read: {error}") from error
        return None
    if isinstance(document, list):
        return document
    if isinstance(document, dict) and isinstance(document.get("records"), list):
        records_found: list[Any] = document["records"]
        return records_found
    return None


def _why(number: int, line: bytes, error: Exception) -> LineError:
    """Say what is wrong with a line the fast decoder refused."""
    if isinstance(error, Rejected):
        return LineError(number, error.code, str(error))
    try:
        text = line.decode()
    except UnicodeDecodeError as bad:
        return LineError(number, "invalid_utf8", f"invalid UTF-8 at byte {bad.start}")
    if isinstance(error, RecursionError) or text.count("[") + text.count("{") > 1000:
        return LineError(number, "too_deep", f"nested deeper than {MAX_DEPTH}")
    if re.search(r"\\u[dD][89a-fA-F]", text):
        return LineError(number, "lone_surrogate", "half a surrogate pair is not a character")
    try:
        json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as bad:
        cut = bad.pos >= len(text.rstrip()) or "Unterminated" in bad.msg
        reason = f"cut off at byte {len(line)}" if cut else f"{bad.msg} at character {bad.pos + 1}"
        return LineError(number, "not_json", f"not JSON ({reason})")
    except (ValueError, RecursionError) as bad:
        return LineError(number, "bad_number", f"not JSON ({str(bad)[:80]})")
    return LineError(number, "bad_number", "a number is out of range")


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
