"""A backup of a database in use comes back whole elsewhere; what is no backup, or came back otherwise, is said."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from flywheel import backup
from flywheel.backup import BackupFailed, read_keys, restore_backup, write_backup


def url_of(database: str) -> str:
    owner = settings.DATABASES["owner"]
    return f"postgres://{owner['USER']}:{owner['PASSWORD']}@{owner['HOST']}:{owner['PORT']}/{database}"


@pytest.fixture
def databases(django_db_setup: None) -> Iterator[tuple[str, str]]:
    """Two databases of our own: one with a little in it, one empty."""
    names = ("backup_from", "backup_to")
    with psycopg.connect(url_of("postgres"), autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(url_of(names[0]), autocommit=True) as connection:
        connection.execute("CREATE TABLE said (id int PRIMARY KEY, text text) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE said_1 PARTITION OF said FOR VALUES FROM (0) TO (1000)")
        connection.execute("ALTER TABLE said ENABLE ROW LEVEL SECURITY")
        connection.execute("INSERT INTO said SELECT n, 'ünïcode ' || n FROM generate_series(1, 500) n")
        connection.execute("CREATE TABLE nothing (id int)")
    yield url_of(names[0]), url_of(names[1])
    with psycopg.connect(url_of("postgres"), autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_what_was_backed_up_comes_back_the_same(databases: tuple[str, str], tmp_path: Path) -> None:
    source, target = databases
    file = tmp_path / "all.fw"

    written = write_backup(file, url=source, version="1", keys={"FLYWHEEL_DATA_KEY": "k"})
    restored = restore_backup(file, url=target)

    assert (written.rows, restored.tables) == (500, written.tables)
    assert (file.stat().st_mode & 0o777, read_keys(file)) == (0o600, {"FLYWHEEL_DATA_KEY": "k"})
    with pytest.raises(BackupFailed, match="not empty"):
        restore_backup(file, url=target)


def test_a_table_that_came_back_otherwise_is_named(databases: tuple[str, str], tmp_path: Path) -> None:
    source, target = databases
    file, forged = tmp_path / "all.fw", tmp_path / "forged.fw"
    write_backup(file, url=source, version="1", keys={})
    with tarfile.open(file) as old, tarfile.open(forged, "w") as new:
        manifest = json.load(old.extractfile("manifest.json"))  # type: ignore[arg-type]
        manifest["tables"]["said"][1] = "1"
        backup._add(new, "manifest.json", manifest)
        new.addfile(old.getmember("database.dump"), old.extractfile("database.dump"))

    with pytest.raises(BackupFailed, match="not the same as in the backup: said"):
        restore_backup(forged, url=target)


def test_what_is_no_backup_is_said_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello")

    with pytest.raises(BackupFailed, match=r"^\S*notes.txt is no backup of Flywheel"):
        read_keys(file)


def test_a_server_that_cannot_be_reached_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(psycopg.OperationalError):
        write_backup(tmp_path / "all.fw", url="postgres://x:y@127.0.0.1:1/none", version="1", keys={})

    assert list(tmp_path.iterdir()) == []
