"""Log files for the command line: which files a path means, and how they are cut into pushes.

A push never ends inside a session when it can be helped: lines of one session usually stand together.
"""

from __future__ import annotations

import glob
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import zstandard

ENDINGS = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz", ".jsonl.zst", ".ndjson.zst")
_LINES = 6_000
# A JSON array is read whole; a bomb must not be.
_LARGEST_ARRAY = 256 * 1024 * 1024
_BYTES = 4 * 1024 * 1024
_STRETCH = 2_000  # how many lines past the cut a session is followed before it is cut all the same


class UnreadableInput(ValueError):
    """A path that is no log; the message names it and says why."""


@dataclass(frozen=True)
class Piece:
    """A part of a file that makes one push. Line 1 of ``body`` is line ``first_line`` of the file."""

    path: Path
    first_line: int
    body: bytes


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
        with _open(path) as stream:
            start = stream.peek(64).lstrip()[:1] if isinstance(stream, io.BufferedReader) else b""
            if start == b"[":
                body = stream.read(_LARGEST_ARRAY + 1)
                if len(body) > _LARGEST_ARRAY:
                    raise UnreadableInput(f"{path}: one JSON array of over 256 MB; write one record a line instead")
                yield Piece(path, 1, body)
                return
            yield from _cut(path, stream)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise UnreadableInput(f"{path}: cannot be read ({error})") from error


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return io.BufferedReader(gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(path.open("rb")))
    return path.open("rb")


def _cut(path: Path, stream: IO[bytes]) -> Iterator[Piece]:
    lines: list[bytes] = []
    size, first, session, seen = 0, 1, b"", False
    for number, line in enumerate(stream, 1):
        if len(lines) >= _LINES or size >= _BYTES:
            now = _session_of(line)
            if now != session or len(lines) >= _LINES + _STRETCH or size >= 4 * _BYTES:
                yield Piece(path, first, b"".join(lines))
                lines, size, first = [], 0, number
        if len(lines) >= _LINES - 1 or size + len(line) >= _BYTES:
            session = _session_of(line)
        lines.append(line)
        size += len(line)
        seen = seen or bool(line.strip())
    if not seen:
        raise UnreadableInput(f"{path}: the file is empty")
    if lines:
        yield Piece(path, first, b"".join(lines))


class _Session(msgspec.Struct):
    session_id: str = ""


def _session_of(line: bytes) -> bytes:
    try:
        return msgspec.json.decode(line, type=_Session).session_id.encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return b""
