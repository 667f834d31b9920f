"""From a body to messages: which format it is, and what each of its lines holds.

The common case is one pass of msgspec over each line; only a line it refuses is looked at again to say why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from apps.ingestion.domain.formats import records
from apps.ingestion.domain.formats.documents import UnreadableBody, split_document
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
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_LONG_INTEGER = re.compile(rb"(?<![\d.eE])-?\d{400,}")
_LONG_DIGITS, _ONE_DIGIT = b"0" * 400, bytes.maketrans(b"123456789", b"0" * 9)


class UnknownFormat(ValueError):
    """The named format does not exist, or the body is in none that we know."""


def parse(
    body: bytes, *, at: datetime, format_name: str = "auto", first_line: int = 1, may_be_document: bool = True
) -> ParsedBatch:
    """Read a push. ``at`` is its time: the default timestamp, and the measure of what is odd.

    A body cut from the middle of a file begins at its ``first_line`` and is no JSON document, whatever it looks like.
    Raises UnknownFormat and UnreadableBody when there is nothing to judge line by line.
    """
    _check_name(format_name)
    body = body.removeprefix(b"\xef\xbb\xbf")
    errors: list[LineError] = []
    whole = split_document(body) if may_be_document else None
    return _read(_records(body, whole, errors, first_line), errors, at=at, format_name=format_name)


def parse_again(lines: Sequence[tuple[int, bytes]], *, at: datetime, format_name: str = "auto") -> ParsedBatch:
    """Read lines that were rejected before, each under its old number. Raises UnknownFormat."""
    _check_name(format_name)
    errors: list[LineError] = []
    return _read(_decoded(lines, errors), errors, at=at, format_name=format_name)


def _check_name(format_name: str) -> None:
    if format_name != "auto" and format_name not in _NAMES:
        raise UnknownFormat(f"there is no format {format_name[:40]!r}; there are: {', '.join(sorted(_NAMES))}")


def _read(
    found: Iterable[tuple[int, Any, bytes]], errors: list[LineError], *, at: datetime, format_name: str
) -> ParsedBatch:
    """Read decoded records; ``errors`` already holds, or is being given, the lines that were no JSON."""
    reader = None if format_name == "auto" else FORMATS[_NAMES[format_name]]
    named = "" if reader is None else _NAMES[format_name]
    messages: list[ParsedMessage] = []
    remarks = Remarks()
    accepted = 0
    for line, record, original in found:
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
            errors.append(LineError(line, error.code, str(error), original))
        except RecursionError:
            errors.append(LineError(line, "too_deep", f"nested deeper than {MAX_DEPTH}", original))
    warnings = [LineWarning(line, code, detail, n) for code, (line, detail, n) in remarks.seen.items()]
    errors.sort(key=lambda error: error.line)
    return ParsedBatch(named or "unknown", messages, errors, warnings, accepted, remarks.threads)


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


def _records(
    body: bytes, whole: Sequence[bytes] | None, errors: list[LineError], first_line: int
) -> Iterable[tuple[int, Any, bytes]]:
    """Yield (number, decoded record, its text); records that are no JSON go to ``errors``."""
    lines = list(records.lines_of(body, first_line)) if whole is None else list(enumerate(whole, first_line))
    _check_count(len(lines))
    # Looked for once, as bytes: nearly no body holds any, and the pattern is slow.
    yield from _decoded(lines, errors, long_digits=_LONG_DIGITS in body.translate(_ONE_DIGIT))


def _decoded(
    lines: Iterable[tuple[int, bytes]], errors: list[LineError], *, long_digits: bool = True
) -> Iterable[tuple[int, Any, bytes]]:
    """Yield (number, decoded record, its text). ``long_digits``: some line may hold a number of 400 digits."""
    for number, line in lines:
        if len(line) > MAX_LINE_BYTES:
            errors.append(LineError(number, "line_too_long", f"the line has {len(line):,} bytes, more than 1 MiB"))
            continue
        try:
            if long_digits and _LONG_INTEGER.search(line) and _LONG_INTEGER.search(_STRING.sub(b'""', line)):
                raise Rejected("bad_number", "an integer has more than 400 digits")
            record = _decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError) as error:
            errors.append(_why(number, line, error))
            continue
        yield number, record, line


def _check_count(count: int) -> None:
    if count > MAX_LINES:
        raise UnreadableBody(413, "too_many_lines", f"a push has at most {MAX_LINES:,} lines; this one has {count:,}")


def _why(number: int, line: bytes, error: Exception) -> LineError:
    """Say what is wrong with a line the fast decoder refused."""
    if isinstance(error, Rejected):
        return LineError(number, error.code, str(error), line)
    return LineError(number, *_fault(line, error), line)


def _fault(line: bytes, error: Exception) -> tuple[str, str]:
    try:
        text = line.decode()
    except UnicodeDecodeError as bad:
        return "invalid_utf8", f"invalid UTF-8 at byte {bad.start}"
    if isinstance(error, RecursionError) or text.count("[") + text.count("{") > 1000:
        return "too_deep", f"nested deeper than {MAX_DEPTH}"
    if re.search(r"\\u[dD][89a-fA-F]", text):
        return "lone_surrogate", "half a surrogate pair is not a character"
    try:
        json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as bad:
        cut = bad.pos >= len(text.rstrip()) or "Unterminated" in bad.msg
        reason = f"cut off at byte {len(line)}" if cut else f"{bad.msg} at character {bad.pos + 1}"
        return "not_json", f"not JSON ({reason})"
    except (ValueError, RecursionError) as bad:
        return "bad_number", f"not JSON ({str(bad)[:80]})"
    return "bad_number", "a number is out of range"


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
