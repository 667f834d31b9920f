"""Files that grow: what has been added since the last look, up to the last whole line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from apps.ingestion.files import Line, Piece, bounded_lines, cut

_MARKED = 256


@dataclass(frozen=True)
class Place:
    """How far a file has been read: bytes, and newlines among them.

    ``mark`` is a digest of the file's first bytes and of those before the place: where it differs, this is another file
    or one written anew, whatever its name and number.
    """

    offset: int = 0
    newlines: int = 0
    mark: str = ""


def is_continued(stream: BinaryIO, place: Place, size: int) -> bool:
    """Say whether the file is the one the place is in, and perhaps longer now; not one cut short or written anew."""
    return size >= place.offset and _mark(stream, place.offset) == place.mark


def grown(path: Path, stream: BinaryIO, place: Place) -> Iterator[tuple[Piece, Place]]:
    """Yield what follows a place in pushes, each with the place behind it. A half-written last line waits."""
    stream.seek(place.offset)
    newlines = place.newlines
    for piece in cut(path, _whole(bounded_lines(stream, place.offset)), first_line=newlines + 1):
        newlines += piece.newlines
        ahead = stream.tell()
        mark = _mark(stream, piece.end)
        stream.seek(ahead)
        yield piece, Place(piece.end, newlines, mark)


def _mark(stream: BinaryIO, offset: int) -> str:
    stream.seek(0)
    first = stream.read(min(_MARKED, offset))
    stream.seek(max(0, offset - _MARKED))
    last = stream.read(min(_MARKED, offset))
    return hashlib.sha256(first + last).hexdigest()[:32]


def _whole(lines: Iterator[Line]) -> Iterator[Line]:
    """Leave out a last line that may still be being written: one without its newline that is no whole object yet."""
    for line in lines:
        if line.text.endswith(b"\n") or _is_object(line.text):
            yield line


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
