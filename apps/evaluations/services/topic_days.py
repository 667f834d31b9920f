"""A day's counts of each topic: recomputed from facts, never incremented."""

from __future__ import annotations

from datetime import date

from django.db import connection

from apps.evaluations.domain.tally import SCORE
from apps.platform.tenancy import tenant

# The rollups of the day are made under the same lock: either reads what the other has committed.
LOCK = "SELECT pg_advisory_xact_lock(%s, %s)"
_EMPTY = "DELETE FROM evaluations_topicday WHERE organization_id = %s AND application_id = %s AND day = %s"
_COUNT = f"""
INSERT INTO evaluations_topicday
    (organization_id, application_id, day, topic, conversations, escalated, scored, score, score_squares)
SELECT organization_id, application_id, day, topic, count(*), count(*) FILTER (WHERE escalated), count(quality_score),
    coalesce(sum(round(quality_score * {SCORE})), 0), coalesce(sum(round(quality_score * {SCORE}) ^ 2), 0)
FROM evaluations_conversationfact
WHERE organization_id = %s AND application_id = %s AND day = %s AND topic IS NOT NULL
GROUP BY organization_id, application_id, day, topic
"""  # noqa: S608


def count_topics(*, organization_id: int, application_id: int, day: date) -> None:
    """Replace the counts of one application's day by fresh ones."""
    with tenant(organization_id):
        with connection.cursor() as cursor:
            cursor.execute(LOCK, lock_of(application_id, day))
        count_locked(organization_id, application_id, day)


def lock_of(application_id: int, day: date) -> list[int]:
    """Return what ``LOCK`` takes for one application's day."""
    return [application_id % 2**31, day.toordinal()]


def count_locked(organization_id: int, application_id: int, day: date) -> None:
    """The same, for who holds the day's lock. Call inside tenant(...)."""
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY, [organization_id, application_id, day])
        cursor.execute(_COUNT, [organization_id, application_id, day])
