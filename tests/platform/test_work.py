"""Work and its leases: who may hold it, what a vanished worker leaves, when it is parked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from celery.fixups.django import DjangoWorkerFixup
from django.db import connection

from apps.organizations.models import Organization
from apps.platform import clock, work
from apps.platform.models import WorkItem
from flywheel.celery import app
from tests.factories import make_organization

pytestmark = pytest.mark.django_db

KIND = "tests.piece"


def leave_behind(organization: Organization, *, attempts: int, lease: timedelta) -> None:
    """What a worker killed with -9 leaves: a lease nobody renews, and the attempts so far."""
    work.ask(KIND, organization_id=organization.id, key="1")
    WorkItem.objects.filter(kind=KIND).update(
        attempts=attempts, lease_token="gone", lease_until=clock.wall() + lease, due_at=clock.wall()
    )


# What a piece of KIND does, and who hears that one is parked: a kind is registered once a process.
_does: dict[str, Callable[[str], object]] = {}


def _parked(*, organization_id: int, key: str) -> None:
    _does["parked"](key)


@work.performs(KIND, on_parked=_parked)
def _piece(*, organization_id: int, key: str) -> None:
    _does["piece"](key)


def take_turn(organization: Organization, do: Callable[[str], object], told: list[str] | None = None) -> bool:
    """Have this process do a piece of KIND, as a worker does on a hint."""
    _does.update(piece=do, parked=[].append if told is None else told.append)
    return work.take_turn(KIND, organization_id=organization.id, key="1")


def test_work_of_a_vanished_worker_is_done_by_the_next() -> None:
    organization = make_organization()
    leave_behind(organization, attempts=1, lease=-timedelta(seconds=1))
    done: list[str] = []

    assert take_turn(organization, done.append)

    assert done == ["1"]
    assert not WorkItem.objects.filter(kind=KIND).exists()


def test_work_under_way_elsewhere_is_left_alone() -> None:
    organization = make_organization()
    leave_behind(organization, attempts=work.MAX_ATTEMPTS, lease=timedelta(seconds=20))
    done: list[str] = []

    assert not take_turn(organization, done.append)

    assert done == []
    assert WorkItem.objects.get(kind=KIND).parked_reason == ""


def test_work_that_ends_every_worker_is_parked_and_one_retry_runs_it() -> None:
    organization = make_organization()
    leave_behind(organization, attempts=work.MAX_ATTEMPTS, lease=-timedelta(seconds=1))
    done: list[str] = []
    told: list[str] = []

    assert not take_turn(organization, done.append, told)
    assert WorkItem.objects.get(kind=KIND).parked_reason.startswith("its worker ended 5 times")
    assert (done, told) == ([], ["1"])
    assert work.retry_parked(organization_id=organization.id, kind=KIND, key="1")
    assert take_turn(organization, done.append, told)
    assert done == ["1"]


def test_a_thousand_pieces_of_one_organization_delay_anothers_by_one() -> None:
    flooding, quiet, hushed = make_organization(), make_organization(), make_organization()
    for number in range(30):
        work.ask(KIND, organization_id=flooding.id, key=f"flood {number:02d}")
    work.ask(KIND, organization_id=quiet.id, key="quiet")
    work.ask(KIND, organization_id=hushed.id, key="hushed")
    WorkItem.objects.filter(organization=flooding).update(due_at=clock.wall() - timedelta(minutes=1))
    done: list[str] = []

    due = [item.key for item in work.waiting(clock.wall(), limit=4) if item.kind == KIND]
    for _ in range(4):
        take_turn(flooding, done.append)

    assert {"quiet", "hushed"} < set(due)
    assert {"quiet", "hushed"} < set(done[:3])
    assert done[3].startswith("flood")


def test_a_hint_whose_turn_another_piece_had_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    organization = make_organization()
    work.ask(KIND, organization_id=organization.id, key="due without a hint")
    WorkItem.objects.filter(kind=KIND).update(due_at=clock.wall() - timedelta(minutes=1))
    work.ask(KIND, organization_id=organization.id, key="1")
    sent: list[str] = []
    monkeypatch.setattr(work, "send_hint", lambda kind, *, organization_id, key: sent.append(key))
    done: list[str] = []

    take_turn(organization, done.append)
    take_turn(organization, done.append)

    assert (done, sent) == (["due without a hint", "1"], ["1"])


def test_a_moved_clock_has_what_waits_done_now_and_what_is_under_way_done_once_more() -> None:
    organization = make_organization()
    work.ask(KIND, organization_id=organization.id, key="waits", delay=timedelta(hours=1))
    done: list[str] = []

    def move_meanwhile(key: str) -> None:
        done.append(key)
        work.hasten(organization_id=organization.id)
        # What it asks of itself for later does not put off what the clock asks of it now.
        work.ask(KIND, organization_id=organization.id, key="runs", delay=timedelta(hours=1))

    work.ask(KIND, organization_id=organization.id, key="runs")
    take_turn(organization, move_meanwhile)

    due = WorkItem.objects.filter(kind=KIND, due_at__lte=clock.wall()).order_by("key")
    assert (done, [item.key for item in due]) == (["runs"], ["runs", "waits"])


def test_a_moved_clock_hastens_nobody_elses_work() -> None:
    ours, theirs = make_organization(), make_organization()
    work.ask(KIND, organization_id=theirs.id, key="1", delay=timedelta(hours=1))

    work.hasten(organization_id=ours.id)

    assert WorkItem.objects.get(kind=KIND).due_at > clock.wall()


def test_a_worker_keeps_its_connection_from_one_piece_to_the_next() -> None:
    connection.ensure_connection()
    kept = connection.connection

    DjangoWorkerFixup(app).close_database()

    assert connection.connection is kept
