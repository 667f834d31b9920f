"""What the units of a phase did before it began, for CUPED. Call inside tenant(...)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.domain.statistics.cuped import Earlier
from apps.experiments.selectors.measuring import BASELINE_DAYS, expressions_of

# The newest so many conversations before the phase are looked at: which they are does not depend on anybody's arm.
_MOST = 200_000


def read_earlier(
    *, organization_id: int, phase: str, arms: int, metric: str, began: datetime, at: datetime
) -> tuple[Earlier, ...]:
    """Return, by arm, sums over the units that ``read_arms`` counts for the metric; one bounded query.

    A unit is known again by the user its conversations name, in the 28 days before the phase began.
    """
    top, bottom = expressions_of(metric)
    mature = at - timedelta(hours=REGISTRY[metric].maturity_hours)
    columns = ("p", "p * p", "q", "q * q", "p * q", "m * p", "m * q", "d * p", "d * q")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH by_unit AS MATERIALIZED (
                SELECT split_part(assignment_id, '.', 2)::int AS arm, max(unit_hash) AS who,
                    coalesce(sum(({top})::float8) FILTER (WHERE started_at <= %(mature)s), 0) AS m,
                    coalesce(sum(({bottom})::float8) FILTER (WHERE started_at <= %(mature)s), 0) AS d
                FROM evaluations_factassignment a
                    JOIN evaluations_conversationfact f USING (organization_id, conversation_id)
                WHERE a.organization_id = %(organization)s AND assignment_id >= %(from)s AND assignment_id < %(to)s
                    AND assignment_id ~ %(shape)s
                GROUP BY 1, split_part(assignment_id, '.', 3)
            ), before AS MATERIALIZED (
                SELECT unit_hash, ({top})::float8 AS p, ({bottom})::float8 AS q
                FROM evaluations_conversationfact
                WHERE organization_id = %(organization)s AND started_at < %(began)s AND started_at >= %(since)s
                ORDER BY started_at DESC, conversation_id DESC LIMIT %(most)s
            ), earlier AS (
                SELECT unit_hash, coalesce(sum(p), 0) AS p, coalesce(sum(q), 0) AS q
                FROM before WHERE unit_hash <> '' GROUP BY 1
            )
            SELECT arm, count(*) FILTER (WHERE q > 0), {", ".join(f"coalesce(sum({each}), 0)" for each in columns)}
            FROM by_unit LEFT JOIN earlier ON earlier.unit_hash = who AND q > 0 WHERE d > 0 GROUP BY arm
            """,  # noqa: S608
            {
                "organization": organization_id, "from": f"{phase}.", "to": f"{phase}/",
                "shape": f"^{phase}[.][0-9][.][0-9a-f]{{24}}$", "mature": mature, "began": began,
                "since": began - timedelta(days=BASELINE_DAYS), "most": _MOST,
            },
        )  # fmt: skip
        found = {arm: Earlier(int(known), *map(float, sums)) for arm, known, *sums in cursor.fetchall()}
    return tuple(found.get(arm, _NOTHING) for arm in range(arms))


_NOTHING = Earlier(0, *[0.0] * 9)
