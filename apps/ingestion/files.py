"""Log files for the command line: which files a path means, and how they are cut into pushes.

A push never ends inside a session when it can be helped: lines of one session usually stand together.
"""

from __future__ import annotations

import glob
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

import msgspec
import zstandard

from apps.ingestion.domain.decoding import ZstdInflater
from apps.ingestion.domain.formats.documents import UnreadableBody, split_document

ENDINGS = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz", ".jsonl.zst", ".ndjson.zst")
_LINES = 6_000
# A JSON array is read whole; a bomb must not be.
_LARGEST_ARRAY = 256 * 1024 * 1024
_BYTES = 4 * 1024 * 1024
_LONGEST_LINE = 2 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_LARGEST_WINDOW = 128 * 1024 * 1024
_STRETCH = 2_000  # how many lines past the cut a session is followed before it is cut all the same


class UnreadableInput(ValueError):
    """A path that is no log; the message names it and says why."""


class Line(NamedTuple):
    """A line with its newline, and how many bytes of the file lie before the next one."""

    text: bytes
    end: int


@dataclass(frozen=True)
class Piece:
    """A part of a file that makes one push. Line 1 of ``body`` is line ``first_line`` of the file.

    ``may_be_document``: it may be one JSON document, and not only lines. ``end``: how many bytes of the file lie before
    what follows.
    """

    path: Path
    first_line: int
    body: bytes
    may_be_document: bool = True
    end: int = 0

    @property
    def newlines(self) -> int:
        """How many lines end in it."""
        return self.body.count(b"\n")


def find_files(paths: Sequence[str]) -> list[Path]:
    """Return the files that paths, directories (recursive) and globs mean, each once. Raises UnreadableInput."""
    found: dict[Path, None] = {}
    for given in paths:
        path = Path(given)
        meant = [path] if path.exists() else sorted(Path(match) for match in glob.glob(given, recursive=True))
        if not meant:
            raise UnreadableInput(f"{given}: no such file")
        inside = [file for each in meant for file in _files_of(each)]
        if not inside:
            raise UnreadableInput(f"{given}: no log files in this directory ({', '.join(ENDINGS[:3])}, …)")
        found.update(dict.fromkeys(inside))
    return list(found)


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(ENDINGS))
    return [path]


def read_pieces(path: Path) -> Iterator[Piece]:
    """Yield the file in pushes, in bounded memory. Raises UnreadableInput for an unreadable or empty file."""
    try:
        with path.open("rb") as stream:
            yield from pieces_of(path, stream)
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror or error})") from error


def pieces_of(path: Path, stream: BinaryIO) -> Iterator[Piece]:
    """Yield an open file in pushes; its name says whether it is compressed. Raises UnreadableInput."""
    empty = True
    try:
        for piece in _pieces(path, _inflated(path, stream)):
            if not piece.body.isspace():
                empty = False
                yield piece
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise UnreadableInput(f"{path}: cannot be read ({error})") from error
    if empty:
        raise UnreadableInput(f"{path}: the file is empty")


def is_appended_to(path: str) -> bool:
    """Say whether a file of this name may grow line by line: compressed ones are written once."""
    return not path.endswith((".gz", ".zst"))


def is_array(stream: BinaryIO) -> bool:
    """Say whether an open, plain file is one JSON array; it stands at its beginning before and after."""
    start = stream.read(64)
    stream.seek(0)
    return start.removeprefix(_BOM).lstrip()[:1] == b"["


def cut(path: Path, lines: Iterable[Line], *, first_line: int = 1) -> Iterator[Piece]:
    """Yield lines in pushes that end between two sessions, when it can be helped."""
    gathered: list[bytes] = []
    size, first, session, end = 0, first_line, b"", 0
    for number, line in enumerate(lines, first_line):
        if len(gathered) >= _LINES or size >= _BYTES:
            now = _session_of(line.text)
            if now != session or len(gathered) >= _LINES + _STRETCH or size >= 4 * _BYTES:
                yield Piece(path, first, b"".join(gathered), may_be_document=first == 1, end=end)
                gathered, size, first = [], 0, number
        if len(gathered) >= _LINES - 1 or size + len(line.text) >= _BYTES:
            session = _session_of(line.text)
        gathered.append(line.text)
        size += len(line.text)
        end = line.end
    if gathered:
        yield Piece(path, first, b"".join(gathered), may_be_document=first == 1, end=end)


def bounded_lines(stream: IO[bytes], start: int = 0) -> Iterator[Line]:
    """Yield the lines from here, ``start`` bytes into the file. Of one far over the limit only the beginning is held.

    What is left of it is still over the limit of a line, so that it is rejected as too long.
    """
    end = start
    while text := stream.readline(_LONGEST_LINE):
        end += len(text)
        if len(text) == _LONGEST_LINE and not text.endswith(b"\n"):
            while rest := stream.readline(_LONGEST_LINE):
                end += len(rest)
                if rest.endswith(b"\n"):
                    text += b"\n"
                    break
        yield Line(text, end)


def _pieces(path: Path, stream: IO[bytes]) -> Iterator[Piece]:
    start = stream.peek(64) if isinstance(stream, io.BufferedReader) else b""
    if start.removeprefix(_BOM).lstrip()[:1] != b"[":
        yield from cut(path, bounded_lines(stream))
        return
    body = stream.read(_LARGEST_ARRAY + 1)
    if len(body) > _LARGEST_ARRAY:
        raise UnreadableInput(f"{path}: one JSON array of over 256 MB; write one record a line instead")
    yield from _cut_array(path, body)


def _cut_array(path: Path, body: bytes) -> Iterator[Piece]:
    """Yield an array in arrays of so many records that each makes a push; one that cannot be read, whole."""
    try:
        records = split_document(body.removeprefix(_BOM))
    except UnreadableBody:
        yield Piece(path, 1, body)  # whoever reads it says why
        return
    if records is None:  # lines, the first of which is a list
        yield from cut(path, bounded_lines(io.BytesIO(body)))
        return
    gathered: list[bytes] = []
    size, first = 0, 1
    for number, record in enumerate(records, 1):
        if gathered and (len(gathered) >= _LINES or size + len(record) > _BYTES):
            yield Piece(path, first, b"[" + b",".join(gathered) + b"]")
            gathered, size, first = [], 0, number
        gathered.append(record)
        size += len(record)
    if gathered:
        yield Piece(path, first, b"[" + b",".join(gathered) + b"]")


def _inflated(path: Path, stream: BinaryIO) -> IO[bytes]:
    if path.suffix == ".gz":
        return io.BufferedReader(gzip.GzipFile(fileobj=stream))
    if path.suffix == ".zst":
        return io.BufferedReader(_ZstdFile(stream))
    return stream


class _ZstdFile(io.RawIOBase):
    """A compressed file as its content. Raises EOFError where it is cut off: the library's own reader just ends."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._inflater = ZstdInflater(max_window=_LARGEST_WINDOW)
        self._ready = self._inflate()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            try:
                self._rest = next(self._ready)
            except StopIteration:
                return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def _inflate(self) -> Iterator[bytes]:
        while chunk := self._stream.read(1 << 16):
            yield from self._inflater.feed(chunk)
        if not self._inflater.is_complete():
            raise EOFError("the compressed file is cut off")


class _Session(msgspec.Struct):
    session_id: str = ""


def _session_of(line: bytes) -> bytes:
    try:
        return msgspec.json.decode(line, type=_Session).session_id.encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return b""
