"""What the looks at a phase saw over time, thinned out to as many as a chart shows. Call inside tenant(...)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from apps.experiments.models import Snapshot

# Older looks than these are left out: a chart must not cost more with every week that an experiment runs.
_NEWEST = 10_000
# The figures of a look are large and most are not shown, so only those of the chosen ones are read.
_LOOKS = """
    WITH looks AS (
        SELECT at FROM experiments_snapshot WHERE organization_id = %(organization)s AND phase_id = %(phase)s
        ORDER BY at DESC LIMIT %(newest)s
    ), placed AS (
        SELECT at, row_number() OVER (ORDER BY at DESC) - 1 AS place, count(*) OVER () AS total FROM looks
    ), chosen AS (
        SELECT total, at, figures #> '{comparisons,0}' AS first, figures -> 'variants' AS variants
        FROM placed JOIN experiments_snapshot USING (at)
        WHERE organization_id = %(organization)s AND phase_id = %(phase)s AND place %% ceil(total / %(most)s)::int = 0
    )
    SELECT total, at, (first ->> 'difference')::float8, (first #>> '{interval,0}')::float8,
        (first #>> '{interval,1}')::float8,
        (SELECT sum((arm ->> 'units')::bigint)::bigint FROM jsonb_array_elements(variants) AS arm)
    FROM chosen WHERE first #>> '{interval,0}' IS NOT NULL ORDER BY at
"""


@dataclass(frozen=True)
class Seen:
    """The first treatment against control as a look saw it, in the metric's own measure, and the units of all arms."""

    at: datetime
    difference: float
    low: float
    high: float
    units: int


@dataclass(frozen=True)
class Sequence:
    """How many looks there were, 10,000 at most, and what every so many-th saw: oldest first, the last among them."""

    looks: int = 0
    seen: tuple[Seen, ...] = ()


def read_sequence(last: Snapshot | None, *, most: int) -> Sequence:
    """Return the sequence of the phase of its ``last`` look, about ``most`` of its looks; those before there was an
    interval are left out. One query."""
    if last is None:
        return Sequence()
    asked = {"organization": last.organization_id, "phase": last.phase_id, "newest": _NEWEST, "most": float(most)}
    with connection.cursor() as cursor:
        cursor.execute(_LOOKS, asked)
        rows = cursor.fetchall()
    return Sequence(rows[0][0], tuple(Seen(*seen) for _, *seen in rows)) if rows else Sequence()
