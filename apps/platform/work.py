"""Work that survives: rows say what is to be done, leases who does it, Celery messages only say "look".

``ask`` writes the row in the caller's transaction and sends a hint when it commits. A hint gives a worker one turn: it
claims a due row of the hint's queue, runs the work, and removes the row. Whose row is not the hint's to say: the
organizations that wait are served in rotation, so one that asks for a thousand pieces delays the others by one piece
at a time. A worker killed half-way leaves an expired lease that the 15 s tick finds.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from fnmatch import fnmatch
from functools import wraps
from typing import NamedTuple, Protocol

import structlog
from celery import Task, current_app, shared_task
from django.conf import settings
from django.db import connection, connections, transaction
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber
from kombu.exceptions import OperationalError

from apps.platform import clock
from apps.platform.models import WorkItem

LEASE = timedelta(seconds=20)
MAX_ATTEMPTS = 5
# Seconds a piece may take. Kinds of one queue take turns with one another only as far as their limits allow it.
TIME_LIMIT = 600

log = structlog.get_logger(__name__)


class Performer(NamedTuple):
    """What a kind of work is done by, in which queue, within which time."""

    do: Doing
    on_parked: Doing | None
    queue: str
    time_limit: int


_performers: dict[str, Performer] = {}
# By queue: the organization this process served last.
_served: dict[str, int] = {}


def ask(kind: str, *, organization_id: int, key: str, delay: timedelta = timedelta()) -> None:
    """Ask for a piece of work once. ``kind`` is also the name of the Celery task that performs it.

    Asking again while it waits can only make it earlier; while it runs, it will be done once more afterwards.
    """
    at = clock.wall()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO platform_workitem
                (kind, key, organization_id, created_at, due_at, lease_token, attempts, again, parked_reason)
            VALUES (%s, %s, %s, %s, %s, '', 0, false, '')
            ON CONFLICT (organization_id, kind, key) DO UPDATE
                SET again = platform_workitem.lease_token <> '',
                    due_at = CASE WHEN platform_workitem.lease_token <> '' AND NOT platform_workitem.again
                        THEN excluded.due_at ELSE LEAST(platform_workitem.due_at, excluded.due_at) END
            """,
            [kind, key, organization_id, at, at + delay],
        )
    if not delay:
        transaction.on_commit(lambda: send_hint(kind, organization_id=organization_id, key=key))


def hasten(*, organization_id: int) -> None:
    """Have everything that waits done now, and schedules looked over: a sandbox's clock has moved, not the wall's.

    What is under way read the clock before it moved, so it is done once more afterwards.
    """
    at = clock.wall()
    open_work = WorkItem.objects.filter(organization_id=organization_id, parked_reason="")
    open_work.exclude(lease_token="").update(again=True, due_at=at)
    waiting = open_work.filter(lease_token="", due_at__gt=at)
    keys = list(waiting.values_list("kind", "key"))
    waiting.update(due_at=at)

    def hint() -> None:
        for kind, key in keys:
            send_hint(kind, organization_id=organization_id, key=key)
        for name in settings.TICKS:
            send_tick(name)

    transaction.on_commit(hint)


def send_tick(name: str) -> None:
    """Have an app look for what has become due. A broker that is down costs 15 s: the next tick asks again."""
    try:
        current_app.send_task(name, expires=15, retry=False)
    except (OperationalError, ConnectionError, TimeoutError) as error:
        log.warning("work.tick_lost", task=name, error=str(error))


def park(kind: str, *, organization_id: int, key: str, reason: str) -> None:
    """Set a piece of work aside for a person, with its reason; asking for it again leaves it parked."""
    at = clock.wall()
    WorkItem.objects.update_or_create(
        organization_id=organization_id,
        kind=kind,
        key=key,
        defaults={"parked_reason": reason[:2000], "due_at": at, "lease_until": None, "lease_token": ""},
        create_defaults={"parked_reason": reason[:2000], "due_at": at, "created_at": at, "attempts": MAX_ATTEMPTS},
    )


def send_hint(kind: str, *, organization_id: int, key: str) -> None:
    """Tell a worker to look. A broker that is down costs seconds, not data: the tick finds the row."""
    try:
        current_app.send_task(kind, kwargs={"organization_id": organization_id, "key": key}, retry=False)
    except (OperationalError, ConnectionError, TimeoutError) as error:
        log.warning("work.hint_lost", kind=kind, key=key, error=str(error))


@contextmanager
def _kept_alive(item_id: int, token: str) -> Iterator[None]:
    """Renew the lease from a thread every third of it, on its own connection, until the work ends."""
    ended = threading.Event()

    def renew() -> None:
        try:
            while not ended.wait(LEASE.total_seconds() / 3):
                WorkItem.objects.filter(id=item_id, lease_token=token).update(lease_until=clock.wall() + LEASE)
        finally:
            connections.close_all()

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _due(at: datetime) -> Q:
    return Q(parked_reason="", due_at__lte=at) & (Q(lease_until=None) | Q(lease_until__lte=at))


def _claim(rows: Q, at: datetime) -> WorkItem | None:
    """Lease the first due row of these; one whose holders vanished MAX_ATTEMPTS times comes back parked instead."""
    with transaction.atomic():
        due = WorkItem.objects.select_for_update(skip_locked=True).filter(rows, _due(at))
        item = due.order_by("organization_id", "due_at").first()
        if item is None:
            return None
        if item.lease_until is not None and item.attempts >= MAX_ATTEMPTS:
            # Whoever held it ended without a word, each time: the work may be what kills the worker (memory, a crash).
            item.lease_until, item.lease_token = None, ""
            item.parked_reason = f"its worker ended {item.attempts} times without finishing it; see the log"
            item.save(update_fields=["lease_until", "lease_token", "parked_reason"])
            return item
        item.lease_until, item.lease_token = at + LEASE, secrets.token_hex(16)
        item.attempts, item.again = item.attempts + 1, False
        item.save(update_fields=["lease_until", "lease_token", "attempts", "again"])
        return item


def _claim_next(queue: str, kinds: Sequence[str]) -> WorkItem | None:
    """Lease a due row of these kinds, of the organization that comes after the one served last."""
    at, last = clock.wall(), _served.get(queue, 0)
    wanted = Q(kind__in=kinds)
    item = _claim(wanted & Q(organization_id__gt=last), at) or _claim(wanted & Q(organization_id__lte=last), at)
    if item is not None:
        _served[queue] = item.organization_id
    return item


def take_turn(kind: str, *, organization_id: int, key: str) -> bool:
    """Do what a hint is for: one due piece of its queue, of the organization whose turn it is.

    Returns whether a piece was run. It is one that may take no longer than ``kind`` may.
    """
    mine = _performers[kind]
    kinds = [
        name for name, each in _performers.items() if each.queue == mine.queue and each.time_limit <= mine.time_limit
    ]
    item = _claim_next(mine.queue, kinds)
    if item is None:
        return False
    was_run = _run(item, _performers[item.kind])
    # Work that became due without a hint may have had this turn: the piece the hint is for keeps one.
    hinted = Q(organization_id=organization_id, kind=kind, key=key)
    if WorkItem.objects.filter(hinted, _due(clock.wall())).exists():
        send_hint(kind, organization_id=organization_id, key=key)
    return was_run


def _run(item: WorkItem, performer: Performer) -> bool:
    """Run a claimed piece; return whether it was run, and not only found to be parked.

    A failure waits 2, 4, 8 … seconds and is tried again; after MAX_ATTEMPTS, those of workers that died over it
    counted too, it is parked with its reason, and a person may have it tried again; the performer's ``on_parked`` then
    says so where people look. The exception is logged, not raised: the row tells what happened.
    """
    organization_id, kind, key = item.organization_id, item.kind, item.key
    if item.parked_reason:
        log.error("work.parked", kind=kind, key=key, attempts=item.attempts)
        if performer.on_parked is not None:
            performer.on_parked(organization_id=organization_id, key=key)
        return False
    mine = WorkItem.objects.filter(id=item.id, lease_token=item.lease_token)
    try:
        with _kept_alive(item.id, item.lease_token):
            performer.do(organization_id=organization_id, key=key)
    except Exception as error:
        parked = item.attempts >= MAX_ATTEMPTS
        log.exception("work.parked" if parked else "work.failed", kind=kind, key=key, attempts=item.attempts)
        mine.update(
            lease_until=None,
            lease_token="",
            due_at=clock.wall() + timedelta(seconds=2**item.attempts),
            # The message of an exception may quote what was being worked on; its type and the log say enough.
            parked_reason=f"{type(error).__name__} after {item.attempts} attempts; see the log" if parked else "",
        )
        if parked and performer.on_parked is not None:
            performer.on_parked(organization_id=organization_id, key=key)
        return True
    if not mine.filter(again=False).delete()[0]:
        # Asked for again meanwhile, perhaps for later and by the work itself; what is due later the tick finds.
        mine.update(lease_until=None, lease_token="", attempts=0)
        if WorkItem.objects.filter(id=item.id, due_at__lte=clock.wall()).exists():
            send_hint(kind, organization_id=organization_id, key=key)
    return True


class Doing(Protocol):
    """What does one piece of a kind of work, or says that it was parked."""

    __name__: str

    def __call__(self, *, organization_id: int, key: str) -> None: ...


def performs(
    kind: str, *, time_limit: int = TIME_LIMIT, on_parked: Doing | None = None
) -> Callable[[Doing], Task[..., None]]:
    """Make a function what does a kind of work, with the Celery task that hints of this kind call.

    ``time_limit`` in seconds.
    """

    def decorate(do: Doing) -> Task[..., None]:
        _performers[kind] = Performer(do, on_parked, _queue_of(kind), time_limit)

        @shared_task(name=kind, time_limit=time_limit)
        @wraps(do)
        def task(*, organization_id: int, key: str) -> None:
            take_turn(kind, organization_id=organization_id, key=key)

        return task

    return decorate


def _queue_of(kind: str) -> str:
    routed = (to["queue"] for pattern, to in settings.CELERY_TASK_ROUTES.items() if fnmatch(kind, pattern))
    return str(next(routed, settings.CELERY_TASK_DEFAULT_QUEUE))


def waiting(at: datetime, limit: int = 500) -> list[WorkItem]:
    """Return work that is due and that nobody holds: every organization's oldest, then everyone's second, and so on."""
    place = Window(RowNumber(), partition_by=F("organization_id"), order_by=F("due_at").asc())
    return list(WorkItem.objects.filter(_due(at)).annotate(place=place).order_by("place", "due_at")[:limit])


def is_waiting(kind: str) -> bool:
    """Say whether work of this kind is due, in any organization, and nobody has taken it up."""
    return WorkItem.objects.filter(kind=kind, parked_reason="", lease_token="", due_at__lte=clock.wall()).exists()


def waiting_keys(kind: str) -> list[str]:
    """Return the keys of this kind that wait or are under way in the current organization, parked ones too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key FROM platform_workitem WHERE kind = %s"
            " AND organization_id = current_setting('flywheel.organization')::bigint",
            [kind],
        )
        return [key for (key,) in cursor.fetchall()]


def retry_parked(*, organization_id: int, kind: str, key: str) -> bool:
    """Have parked work tried again from its first attempt; return whether there was any."""
    at = clock.wall()
    found = WorkItem.objects.filter(organization_id=organization_id, kind=kind, key=key).exclude(parked_reason="")
    if not found.update(parked_reason="", attempts=0, due_at=at):
        return False
    transaction.on_commit(lambda: send_hint(kind, organization_id=organization_id, key=key))
    return True
