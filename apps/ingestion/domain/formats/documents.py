"""Bodies that are one JSON document: found, and split into records that are then judged one by one, like lines."""

from __future__ import annotations

import json
import re
from itertools import islice

import msgspec

# A body is looked at this far to see whether lines follow a bad first one.
_NEAR = 4 * 1024 * 1024
_BLANK = re.compile(r"[ \t\r\n]*")


class UnreadableBody(ValueError):
    """The body as a whole cannot be read; ``status`` is the HTTP status that says so, ``code`` is stable."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


class _Records(msgspec.Struct):
    records: list[msgspec.Raw]


_decode = msgspec.json.Decoder().decode
_array_of = msgspec.json.Decoder(list[msgspec.Raw]).decode
_records_of = msgspec.json.Decoder(_Records).decode
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)
# Finds where a record ends without judging what is in it.
_scan = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str).raw_decode


def split_document(body: bytes) -> list[bytes] | None:
    """Return the records of a body that is one JSON document; None for a body of lines.

    An array, ``{"records":[…]}``, or one record spread over several lines. Raises UnreadableBody for an array that ends
    nowhere.
    """
    start = body[:200].lstrip()
    if start[:1] == b"[":
        try:
            return [bytes(each) for each in _array_of(body)]
        except _UNREADABLE as error:
            if (found := _split(body, "[", end="]")) is not None:
                return found
            if _has_record_lines(body):
                return None
            raise UnreadableBody(400, "not_json", f"the JSON array cannot be read: {error}") from error
    if start[:1] == b"{" and b'"records"' in start:
        try:
            return [bytes(each) for each in _records_of(body).records]
        except _UNREADABLE:
            return _split(body, '"records"', end="]}")
    if start[:1] == b"{" and start[1:].lstrip(b" \t\r")[:1] == b"\n" and _is_json(body):
        return [body.strip()]
    return None


def _split(body: bytes, after: str, *, end: str) -> list[bytes] | None:
    """Return the elements of the array that begins there, one of which cannot be read.

    None where it does not end as the body does: then something would be left out.
    """
    text = body.decode("utf-8", "surrogateescape")
    place = text.find("[", text.find(after)) + 1
    found = []
    try:
        while place:
            place = _after_blanks(text, place)
            _, behind = _scan(text, place)
            found.append(text[place:behind].encode("utf-8", "surrogateescape"))
            place = _after_blanks(text, behind)
            if text[place : place + 1] != ",":
                return found if "".join(text[place:].split()) == end else None
            place += 1
    except (ValueError, RecursionError):
        return None
    return None


def _after_blanks(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


def _has_record_lines(body: bytes) -> bool:
    """Say whether a line among the first is an object by itself: one bad line at the top does not make an array."""
    lines = [line.strip() for line in islice(body[:_NEAR].split(b"\n"), 1, 5)]
    return any(line[:1] == b"{" and _is_json(line) for line in lines)


def _is_json(text: bytes) -> bool:
    try:
        _decode(text)
    except (*_UNREADABLE, ValueError):
        return False
    return True
