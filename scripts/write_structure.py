"""Writes apps/platform/structure.sql: every migration on a new cluster, then pg_dump. Run by `make structure`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from apps.platform.structure import PATH, structure_of
from flywheel.embedded import prepare
from flywheel.embedded.postgres import installed

DUMP = ("--schema-only", "--no-owner", "--no-privileges", "--no-comments")


def dumped(url: str) -> str:
    """Return what the database at ``url`` holds beside its rows, as SQL."""
    wheel = installed()
    if wheel is None:
        raise SystemExit("the PostgreSQL wheel is not installed: make setup")
    command = [str(wheel / "bin" / "pg_dump"), *DUMP, url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def applied(url: str) -> list[tuple[str, str]]:
    """Return (app, name) of every applied migration, in an order that does not change between two runs."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall()


def main() -> int:
    """Write it."""
    with tempfile.TemporaryDirectory(prefix="flywheel-structure-") as directory:
        Path(directory).chmod(0o711)
        with prepare(Path(directory) / "var") as environment:
            command = [sys.executable, "manage.py", "migrate", "--database", "owner", "--verbosity", "0"]
            subprocess.run(command, check=True, env=environment.variables)  # noqa: S603
            url = environment.variables["MIGRATION_DATABASE_URL"]
            PATH.write_text(structure_of(dumped(url), applied(url)))
    print(f"{PATH.relative_to(Path.cwd())}: {len(PATH.read_text().splitlines()):,} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
