"""Work and its leases: who may hold it, what a vanished worker leaves, when it is parked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.organizations.models import Organization
from apps.platform import clock, work
from apps.platform.models import WorkItem
from tests.factories import make_organization

pytestmark = pytest.mark.django_db

KIND = "tests.piece"


def leave_behind(organization: Organization, *, attempts: int, lease: timedelta) -> None:
    """What a worker killed with -9 leaves: a lease nobody renews, and the attempts so far."""
    work.ask(KIND, organization_id=organization.id, key="1")
    WorkItem.objects.filter(kind=KIND).update(
        attempts=attempts, lease_token="gone", lease_until=clock.wall() + lease, due_at=clock.wall()
    )


def test_work_of_a_vanished_worker_is_done_by_the_next() -> None:
    organization = make_organization()
    leave_behind(organization, attempts=1, lease=-timedelta(seconds=1))
    done: list[str] = []

    assert work.perform(KIND, organization_id=organization.id, key="1", work=lambda: done.append("1"))

    assert done == ["1"]
    assert not WorkItem.objects.filter(kind=KIND).exists()


def test_work_under_way_elsewhere_is_left_alone() -> None:
    organization = make_organization()
    leave_behind(organization, attempts=work.MAX_ATTEMPTS, lease=timedelta(seconds=20))
    done: list[str] = []

    assert not work.perform(KIND, organization_id=organization.id, key="1", work=lambda: done.append("1"))

    assert done == []
    assert WorkItem.objects.get(kind=KIND).parked_reason == ""


def test_work_that_ends_every_worker_is_parked_and_one_retry_runs_it() -> None:
    organization = make_organization()
    leave_behind(organization, attempts=work.MAX_ATTEMPTS, lease=-timedelta(seconds=1))
    done: list[str] = []
    told: list[str] = []

    def perform() -> bool:
        return work.perform(
            KIND,
            organization_id=organization.id,
            key="1",
            work=lambda: done.append("1"),
            on_parked=lambda: told.append("1"),
        )

    assert not perform()
    assert WorkItem.objects.get(kind=KIND).parked_reason.startswith("its worker ended 5 times")
    assert (done, told) == ([], ["1"])
    assert work.retry_parked(organization_id=organization.id, kind=KIND, key="1")
    assert perform()
    assert done == ["1"]


def test_a_moved_clock_has_what_waits_done_now_and_what_is_under_way_done_once_more() -> None:
    organization = make_organization()
    work.ask(KIND, organization_id=organization.id, key="waits", delay=timedelta(hours=1))
    done: list[str] = []

    def move_meanwhile() -> None:
        done.append("under way")
        work.hasten(organization_id=organization.id)
        # What it asks of itself for later does not put off what the clock asks of it now.
        work.ask(KIND, organization_id=organization.id, key="runs", delay=timedelta(hours=1))

    work.ask(KIND, organization_id=organization.id, key="runs")
    work.perform(KIND, organization_id=organization.id, key="runs", work=move_meanwhile)

    due = WorkItem.objects.filter(kind=KIND, due_at__lte=clock.wall()).order_by("key")
    assert (done, [item.key for item in due]) == (["under way"], ["runs", "waits"])


def test_a_moved_clock_hastens_nobody_elses_work() -> None:
    ours, theirs = make_organization(), make_organization()
    work.ask(KIND, organization_id=theirs.id, key="1", delay=timedelta(hours=1))

    work.hasten(organization_id=ours.id)

    assert WorkItem.objects.get(kind=KIND).due_at > clock.wall()
