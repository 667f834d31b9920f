"""The folder of each organization, and files in it: whatever a pattern or a link says, nothing outside is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from apps.ingestion.files import ENDINGS

MOST_FILES = 2_000


class Unavailable(OSError):
    """A folder or file that cannot be read; the message says which and why, without naming what lies outside."""


@dataclass(frozen=True)
class OnDisk:
    """A file as it is now: ``path`` is relative to the organization's folder."""

    path: str
    inode: str
    size: int
    changed_ns: int


def folder_of(root: Path, organization: str) -> Path:
    """Return the organization's folder below the root. Raises Unavailable when there is none."""
    folder = (root / organization).resolve()
    if folder.parent != root.resolve() or not folder.is_dir():
        raise Unavailable(f"there is no folder {organization} below the server's capture root")
    return folder


def find(folder: Path, pattern: str) -> list[OnDisk]:
    """Return the files a pattern means now, by path. Raises Unavailable when they are too many."""
    named = folder / pattern
    if named.is_dir():
        found = (path for path in named.rglob("*") if path.name.endswith(ENDINGS))
    else:
        found = (path for path in folder.glob(pattern))
    # A linked folder that leads outside is not even listed: its names are somebody else's.
    inside = lru_cache(maxsize=1_000)(lambda parent: parent.resolve().is_relative_to(folder))
    files = [
        path
        for path in islice(found, 4 * MOST_FILES)
        if not path.name.startswith(".") and inside(path.parent) and path.is_file()
    ]
    if len(files) > MOST_FILES:
        raise Unavailable(f"over {MOST_FILES:,} files match; move those that are done elsewhere, or narrow the pattern")
    seen = (look_at(folder, str(path.relative_to(folder))) for path in sorted(files))
    return [each for each in seen if each is not None]


def look_at(folder: Path, path: str) -> OnDisk | None:
    """Return one file as it is now; None where there is none."""
    try:
        found = os.stat(folder / path)
    except OSError:
        return None
    return OnDisk(path, str(found.st_ino), found.st_size, found.st_mtime_ns)


def renamed(folder: Path, path: str, inode: str) -> OnDisk | None:
    """Return the file that stood under this path before another took its place, if it still lies beside it."""
    try:
        with os.scandir((folder / path).parent) as beside:
            for entry in beside:
                if str(entry.inode()) == inode:
                    return look_at(folder, str(Path(entry.path).relative_to(folder)))
    except OSError:
        return None
    return None


@contextmanager
def open_below(folder: Path, path: str) -> Iterator[BinaryIO]:
    """Open a regular file of the folder. Raises Unavailable for anything else, wherever links lead.

    It is opened first and then asked where it lies: between a look at a name and its opening the name may change.
    """
    try:
        # Without waiting: a pipe would hold the worker until somebody writes to it.
        descriptor = os.open(folder / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"{path}: cannot be opened ({error.strerror})") from error
    with os.fdopen(descriptor, "rb") as stream:
        really = Path(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        if not really.is_relative_to(folder):
            raise Unavailable(f"{path}: leads out of the organization's folder")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unavailable(f"{path}: is no regular file")
        yield stream
