"""The suite runs on the product's own PostgreSQL and Valkey: the owner makes the schema, tests connect as run."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.product import Product, flywheel

# Files by their marks, the longest first.
_LONGEST = ("browser", "services")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that drive a browser or start real processes first: handed out last, one would keep a process busy
    alone, while the others have nothing left to do.
    """
    places: dict[Path, int] = {}
    for item in items:
        place = next((at for at, mark in enumerate(_LONGEST) if item.get_closest_marker(mark)), len(_LONGEST))
        places[item.path] = min(place, places.get(item.path, place))
    items.sort(key=lambda item: (places[item.path], item.path.name != "test_pictures.py"))


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> None:
    """Use the fresh cluster's own database: migrated by the owner, used by the run role."""
    from django.core.management import call_command

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        call_command("provision", verbosity=0)


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """A test that commits for real; the owner empties every table afterwards."""
    from django.db import connections

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "TRUNCATE organizations_organization, organizations_organizationerasure, auth_user, platform_workitem"
                " CASCADE"
            )
        connections.close_all()


@contextmanager
def passable_directory() -> Iterator[Path]:
    """A directory that the account which runs PostgreSQL for root can pass."""
    with tempfile.TemporaryDirectory(prefix="flywheel-product-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory that is not there yet: what starts on it starts from nothing."""
    with passable_directory() as directory:
        yield directory / "var"


@pytest.fixture(scope="session")
def migrated() -> Iterator[Path]:
    """A data directory with a migrated database, made once: a copy of it starts in a fraction of the time."""
    with passable_directory() as directory:
        done = flywheel("createkey", "--org", "acme", "--scope", "read", "--data-dir", str(directory / "var"))
        assert done.returncode == 0, done.stderr
        for port in (directory / "var").glob("*.port"):
            port.unlink()
        yield directory / "var"


@pytest.fixture
def ready_dir(migrated: Path, data_dir: Path) -> Path:
    """A data directory of the test's own whose database is migrated and empty but for acme."""
    copy_directory(migrated, data_dir)
    return data_dir


@pytest.fixture
def product(ready_dir: Path) -> Iterator[Product]:
    """A running product of the test's own, to be killed at will."""
    with stopped_at_the_end(Product(ready_dir)) as running:
        yield running


@pytest.fixture(scope="module")
def shared_product(migrated: Path) -> Iterator[Product]:
    """A running product for all tests of a file, which leave it running."""
    with passable_directory() as directory:
        copy_directory(migrated, directory / "var")
        with stopped_at_the_end(Product(directory / "var")) as running:
            yield running


def copy_directory(source: Path, target: Path) -> None:
    """Copy with owners: the database's files belong to the account that runs it."""
    subprocess.run(["/bin/cp", "-a", str(source), str(target)], check=True)


@contextmanager
def stopped_at_the_end(running: Product) -> Iterator[Product]:
    """Stop what the tests have not stopped."""
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()
