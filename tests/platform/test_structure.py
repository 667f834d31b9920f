"""A database begun with the written structure is the one that all migrations would have made."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from apps.platform.structure import PATH, structure_of
from flywheel.embedded import prepare
from scripts.write_structure import applied, dumped
from tests.product import ROOT

pytestmark = pytest.mark.services


def test_the_written_structure_is_what_all_migrations_make(data_dir: Path) -> None:
    with prepare(data_dir) as environment:
        url = environment.variables["MIGRATION_DATABASE_URL"]
        made = []
        for arguments in ((), ("--every-migration",)):
            with psycopg.connect(url, autocommit=True) as owner:
                owner.execute("DROP SCHEMA public CASCADE")
                owner.execute("CREATE SCHEMA public")
            command = [sys.executable, "manage.py", "provision", "--verbosity", "0", *arguments]
            done = subprocess.run(command, env=environment.variables, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            made.append(([*map(plain, structure_of(dumped(url), applied(url)).splitlines())], rows(url)))
        (quick, quick_rows), (slow, slow_rows) = made
    assert quick == slow, "make structure"
    assert quick_rows == slow_rows


def test_it_names_no_migration_that_is_gone() -> None:
    """One that was renamed after the structure was written would run again, on tables that are there."""
    named = re.findall(r"^\('(\w+)', '(\w+)', now\(\)\)", PATH.read_text(), re.MULTILINE)
    ours = [(app, name) for app, name in named if (ROOT / "apps" / app / "migrations").exists()]
    assert len(ours) > 50
    assert [f"{app}.{name}" for app, name in ours if not (ROOT / f"apps/{app}/migrations/{name}.py").exists()] == []


def plain(line: str) -> str:
    """Without the casts that PostgreSQL words otherwise when it reads its own words again."""
    return re.sub(r"::(character varying|text)(\[\])?|[()]", "", line) if "ARRAY[" in line else line


def rows(url: str) -> dict[str, int]:
    """Rows of every table: what migrations put in beside the tables themselves."""
    with psycopg.connect(url) as owner:
        tables = owner.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return {name: count(owner, name) for (name,) in tables}


def count(owner: psycopg.Connection, table: str) -> int:
    row = owner.execute(f'SELECT count(*) FROM public."{table}"').fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])
