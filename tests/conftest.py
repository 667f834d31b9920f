"""The suite runs on the product's own PostgreSQL and Valkey: the owner makes the schema, tests connect as run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.product import Product


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that start real processes first: handed out last, one would keep a process busy alone."""
    heavy = {item.path for item in items if item.get_closest_marker("services")}
    items.sort(key=lambda item: item.path not in heavy)


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
            cursor.execute("TRUNCATE organizations_organization, auth_user, platform_workitem CASCADE")
        connections.close_all()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory that the account which runs PostgreSQL for root can pass."""
    with tempfile.TemporaryDirectory(prefix="flywheel-product-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        yield Path(directory) / "var"


@pytest.fixture
def product(data_dir: Path) -> Iterator[Product]:
    running = Product(data_dir)
    assert "API" in running.first_line
    yield running
    if running.process.poll() is None:
        running.stop()
