"""Exposures: noted in a bounded stream by the web, written in bulk by workers.

A fetch must not wait for the database, nor fail with the broker: an exposure that is lost comes back as the assignment
id that the application echoes in its logs, which is what results are made of.
"""

from __future__ import annotations

import time
from collections import OrderedDict
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
_REST = 1.0
_HINT_EVERY = 1.0

log = structlog.get_logger(__name__)
_seen: OrderedDict[str, None] = OrderedDict()
_silent_until = 0.0
_hinted: dict[int, float] = {}


def note(*, organization_id: int, assignment_id: str, served_hash: str, at: datetime) -> None:
    """Note that an assignment was served. Never raises: without a broker it is dropped, and logs rebuild it."""
    global _silent_until
    now = time.monotonic()
    if assignment_id in _seen or now < _silent_until:
        return
    try:
        client().xadd(
            _stream(organization_id),
            {"a": assignment_id, "h": served_hash, "t": repr(at.timestamp())},
            maxlen=_LONGEST,
            approximate=True,
        )
        if now - _hinted.get(organization_id, 0.0) > _HINT_EVERY:
            _hinted[organization_id] = now
            current_app.send_task(
                "experiments.collect", kwargs={"organization_id": organization_id}, countdown=1, retry=False, expires=30
            )
    except (redis.RedisError, OperationalError, OSError) as error:
        _silent_until = now + _REST
        log.warning("experiments.exposure_lost", error=type(error).__name__)
        return
    _seen[assignment_id] = None
    if len(_seen) > _REMEMBERED:
        _seen.popitem(last=False)


def collect(*, organization_id: int) -> int:
    """Write what the stream holds; return how many exposures were new.

    Rows are committed before the stream forgets them; a repeat changes nothing.
    """
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


def forget() -> None:
    """Forget what this process has noted: for a broker that was emptied, and for tests."""
    global _silent_until
    _seen.clear()
    _hinted.clear()
    _silent_until = 0.0


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
