"""Pictures in the process: read once, fresh after a pause, and never waited for while the database is away."""

from __future__ import annotations

import threading
import time

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import OperationalError

from apps.platform import held
from apps.platform.held import Held
from tests.product import wait_for


class Database:
    """Counts its readings; ``away`` makes them hang, then fail, as a pool without connections does."""

    def __init__(self) -> None:
        self.readings = 0
        self.back = threading.Event()
        self.back.set()
        self.gone = False

    def read(self, _organization_id: int, _before: int | None) -> int:
        if not self.back.wait(1):
            raise OperationalError("no connection")
        if self.gone:
            raise ObjectDoesNotExist
        self.readings += 1
        return self.readings


@pytest.fixture
def database() -> Database:
    return Database()


class Clock:
    """Stands until it is moved: nothing ages because the machine is slow."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.sleep = time.sleep

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    standing = Clock()
    monkeypatch.setattr(held, "time", standing)
    monkeypatch.setattr(held, "_PATIENCE_S", 30.0)
    return standing


def test_a_picture_that_nobody_read_for_a_while_is_fresh_when_somebody_does(database: Database, clock: Clock) -> None:
    pictures = Held(database.read)

    first, again = pictures.get(1), pictures.get(1)
    assert (first, again, database.readings) == (1, 1, 1)
    clock.seconds += 2 * held._TOO_OLD_S

    assert pictures.get(1) == 2
    assert pictures.renew(1) == 3


def test_no_read_waits_while_the_database_is_away(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "LOOKED_OVER_EVERY_S", 0.02)
    monkeypatch.setattr(held, "_TOO_OLD_S", 0.04)
    pictures = Held(database.read)
    pictures.get(1)
    database.back.clear()
    time.sleep(0.1)

    took = []
    for _ in range(60):
        began = time.monotonic()
        assert pictures.get(1) == 1
        took.append(time.monotonic() - began)
        time.sleep(0.02)
    database.back.set()

    # The first may wait a quarter of a second to see whether the database is only slow; each would, without looking.
    assert sorted(took)[len(took) // 2] < 0.1
    assert sum(took) < len(took) * held._PATIENCE_S / 3
    wait_for(lambda: pictures.get(1) > 1, 30)


def test_an_organization_that_is_gone_is_forgotten(database: Database, clock: Clock) -> None:
    pictures = Held(database.read)
    pictures.get(1)
    database.gone = True
    clock.seconds += 2 * held._TOO_OLD_S
    pictures.get(1)

    with pytest.raises(ObjectDoesNotExist):
        pictures.get(1)
