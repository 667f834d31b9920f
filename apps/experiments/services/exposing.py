"""Exposures: noted in a bounded stream by the web, written in bulk by workers.

A fetch must not wait for the database, nor fail with the broker: an exposure that is lost comes back as the assignment
id that the application echoes in its logs, which is what results are made of.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict, deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import redis
import structlog
from celery import current_app
from django.db import connection
from kombu.exceptions import OperationalError

from apps.experiments.models import Phase
from apps.platform.tenancy import tenant
from apps.platform.valkey import client

_LONGEST = 1_000_000
_BULK = 5_000
# A process notes a unit once; what it has forgotten it notes again, and the table keeps the first.
_REMEMBERED = 200_000
_HINT_EVERY = 1.0
_FLUSH_EVERY = 0.05
_MOST_WAITING = 100_000

log = structlog.get_logger(__name__)
_seen: OrderedDict[str, None] = OrderedDict()
_hinted: dict[int, float] = {}
_waiting: deque[tuple[int, str, str, float]] = deque(maxlen=_MOST_WAITING)
_flusher: tuple[int, threading.Thread] | None = None
_more = threading.Event()
_starting = threading.Lock()
_flushing = threading.Lock()


def note(*, organization_id: int, assignment_id: str, served_hash: str, at: datetime) -> None:
    """Note that an assignment was served. Costs the caller no round trip, and never raises.

    Notes go to the stream in bulk, a twentieth of a second later at most.
    """
    if assignment_id in _seen:
        return
    _seen[assignment_id] = None
    if len(_seen) > _REMEMBERED:
        with suppress(KeyError):  # another thread was as quick
            _seen.popitem(last=False)
    _waiting.append((organization_id, assignment_id, served_hash, at.timestamp()))
    _more.set()
    _keep_flushing()


def flush() -> int:
    """Send what waits to the stream; return how many notes were sent. Without a broker they are dropped, and said."""
    with _flushing:
        entries = [_waiting.popleft() for _ in range(min(len(_waiting), _BULK))]
        if not entries:
            return 0
        try:
            pipe = client().pipeline(transaction=False)
            for organization_id, assignment_id, served_hash, moment in entries:
                fields: Any = {"a": assignment_id, "h": served_hash, "t": repr(moment)}
                pipe.xadd(_stream(organization_id), fields, maxlen=_LONGEST, approximate=True)
            pipe.execute()
            for organization_id in {entry[0] for entry in entries}:
                _hint(organization_id)
        except (redis.RedisError, OperationalError, OSError) as error:
            log.warning("experiments.exposures_lost", exposures=len(entries), error=type(error).__name__)
            return 0
        return len(entries)


def _hint(organization_id: int) -> None:
    now = time.monotonic()
    if now - _hinted.get(organization_id, -_HINT_EVERY) >= _HINT_EVERY:
        _hinted[organization_id] = now
        named = {"organization_id": organization_id}
        current_app.send_task("experiments.collect", kwargs=named, countdown=1, retry=False, expires=30)


def _keep_flushing() -> None:
    """Have a thread of this process send what waits; a forked process starts its own."""
    global _flusher
    if _flusher is not None and _flusher[0] == os.getpid() and _flusher[1].is_alive():
        return
    with _starting:
        if _flusher is None or _flusher[0] != os.getpid() or not _flusher[1].is_alive():
            thread = threading.Thread(target=_flush_forever, daemon=True, name="exposures")
            _flusher = (os.getpid(), thread)
            thread.start()


def _flush_forever() -> None:
    while True:
        _more.wait()
        _more.clear()
        time.sleep(_FLUSH_EVERY)
        while _waiting:
            flush()


def collect(*, organization_id: int) -> int:
    """Write what the stream holds; return how many exposures were new.

    Rows are committed before the stream forgets them; a repeat changes nothing.
    """
    flush()
    written = 0
    while True:
        try:
            entries: Any = client().xrange(_stream(organization_id), count=_BULK)
        except redis.RedisError:
            return written
        if not entries:
            return written
        written += _write(organization_id, [fields for _, fields in entries])
        try:
            client().xdel(_stream(organization_id), *(entry_id for entry_id, _ in entries))
        except redis.RedisError:
            return written


def rebuild(*, organization_id: int, phase: Phase) -> int:
    """Write the exposures that only the logs tell of; return how many. Call inside tenant(...).

    A client that assigns by itself, and a fetch whose note was lost, are known by the assignment id they echo. What
    was served is then not known (an empty hash).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO experiments_exposure (organization_id, phase_id, unit, variant, served_hash, at)
            SELECT %(organization)s, %(phase)s, split_part(assignment_id, '.', 3),
                min(split_part(assignment_id, '.', 2)::int), '', min(f.started_at)
            FROM evaluations_factassignment a
                JOIN evaluations_conversationfact f USING (organization_id, conversation_id)
            WHERE a.organization_id = %(organization)s AND assignment_id >= %(from)s AND assignment_id < %(to)s
                AND assignment_id ~ %(shape)s
            GROUP BY 3
            ON CONFLICT (organization_id, phase_id, unit) DO NOTHING
            """,
            {
                "organization": organization_id,
                "phase": phase.id,
                "from": f"{phase.public_id}.",
                "to": f"{phase.public_id}/",
                "shape": f"^{phase.public_id}[.][0-9][.][0-9a-f]{{24}}$",
            },
        )
        return int(cursor.rowcount)


def forget_stream(*, organization_id: int) -> None:
    """Drop what waits for an organization that is erased. Without a broker it expires with the stream's bound."""
    with suppress(redis.RedisError):
        client().delete(_stream(organization_id))


def forget() -> None:
    """Forget what this process has noted: for a broker that was emptied, and for tests."""
    _seen.clear()
    _waiting.clear()
    _hinted.clear()


def _write(organization_id: int, entries: list[dict[bytes, bytes]]) -> int:
    with tenant(organization_id):
        parsed = [entry for fields in entries if (entry := _read(fields)) is not None]
        phases = dict(
            Phase.objects.filter(public_id__in={phase for phase, *_ in parsed}).values_list("public_id", "id")
        )
        rows = [
            (organization_id, phases[phase], unit, variant, served, at)
            for phase, variant, unit, served, at in parsed
            if phase in phases
        ]
        if not rows:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO experiments_exposure (organization_id, phase_id, unit, variant, served_hash, at) "
                "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::smallint[], %s::text[], "
                "%s::timestamptz[]) ON CONFLICT (organization_id, phase_id, unit) DO NOTHING",
                [list(column) for column in zip(*rows, strict=True)],
            )
            return int(cursor.rowcount)


def _read(fields: dict[bytes, bytes]) -> tuple[str, int, str, str, datetime] | None:
    try:
        phase, variant, unit = fields[b"a"].decode().split(".")
        at = datetime.fromtimestamp(float(fields[b"t"]), UTC)
        return phase, int(variant), unit, fields[b"h"].decode()[:64], at
    except (KeyError, ValueError, OverflowError):
        return None


def _stream(organization_id: int) -> str:
    return f"exposures:{organization_id}"
