"""Retention: partitions are kept ahead, and what its organization no longer keeps is let go.

Runs as the tables' owner, outside any organization: it counts from ``captured_on``, the server's date of first capture,
never from what a log says. Text goes; text-free facts stay their 400 days.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import connections
from psycopg import sql

from apps.organizations.models import Application, Organization
from apps.platform import clock

AHEAD = 7
FACTS_LAST = timedelta(days=400)
ANSWERS_LAST = timedelta(hours=24)
EVENTS_LAST = timedelta(days=90)
_AT_ONCE = 5_000
_NAME = re.compile(r"^ingestion_message_(\d{4})(\d{2})(\d{2})$")

_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'ingestion_message'::regclass"
_DELETE_CONVERSATIONS = """
DELETE FROM ingestion_conversation WHERE id IN (
    SELECT id FROM ingestion_conversation
    WHERE organization_id = %s AND application_id = %s AND captured_on < %s LIMIT %s
)
"""
_DELETE_BATCHES = """
DELETE FROM ingestion_batch WHERE id IN (
    SELECT id FROM ingestion_batch WHERE organization_id = %s AND application_id = %s AND received_at < %s LIMIT %s
)
"""
_DELETE_HISTORY_ENDS = """
DELETE FROM ingestion_historyend WHERE id IN (
    SELECT id FROM ingestion_historyend WHERE organization_id = %s AND application_id = %s AND told_at < %s LIMIT %s
)
"""
_DELETE_ORIGINALS = """
DELETE FROM ingestion_sealedlines WHERE id IN (
    SELECT id FROM ingestion_sealedlines WHERE organization_id = %s AND keep_until <= %s LIMIT %s
)
"""


def maintain(*, at: datetime) -> dict[str, int]:
    """Do a day's maintenance; return how much of each kind was made or let go. Repeatable."""
    done = {"partitions_made": _make_partitions(at.date())}
    organizations = list(Organization.objects.using("owner").order_by("id"))
    policies = _policies(organizations)
    longest = max((days for _, _, days in policies), default=30)
    # A sandbox lives in its own time, so its days prove nothing about real ones: it is cleaned row by row.
    done["partitions_dropped"] = _drop_partitions(at.date() - timedelta(days=longest))
    done["conversations_deleted"] = done["batches_deleted"] = done["originals_deleted"] = 0
    for organization, application_id, days in policies:
        kept_from = clock.now(organization) - timedelta(days=days)
        done["conversations_deleted"] += _delete(
            _DELETE_CONVERSATIONS, organization.id, application_id, kept_from.date()
        )
        done["batches_deleted"] += _delete(_DELETE_BATCHES, organization.id, application_id, kept_from)
        _delete(_DELETE_HISTORY_ENDS, organization.id, application_id, kept_from)
    for organization in organizations:
        done["originals_deleted"] += _delete(_DELETE_ORIGINALS, organization.id, clock.now(organization))
    with connections["owner"].cursor() as cursor:
        oldest = [(at - FACTS_LAST).date()]
        cursor.execute(
            "DELETE FROM evaluations_factassignment a USING evaluations_conversationfact f WHERE f.captured_on < %s"
            " AND a.organization_id = f.organization_id AND a.conversation_id = f.conversation_id",
            oldest,
        )
        cursor.execute("DELETE FROM evaluations_conversationfact WHERE captured_on < %s", oldest)
        done["facts_deleted"] = cursor.rowcount
        cursor.execute("DELETE FROM platform_idempotencyrecord WHERE created_at < %s", [at - ANSWERS_LAST])
        done["answers_deleted"] = cursor.rowcount
        # With their deliveries: whoever is told late can still ask for what happened in the last quarter.
        cursor.execute("DELETE FROM platform_outboxevent WHERE at < %s", [at - EVENTS_LAST])
        done["events_deleted"] = cursor.rowcount
    return done


def _policies(organizations: Sequence[Organization]) -> list[tuple[Organization, int, int]]:
    """Return (organization, application, days its texts are kept): an application's own word, or its organization's."""
    by_id = {each.id: each for each in organizations}
    rows = Application._base_manager.using("owner").values_list("organization_id", "id", "retention_days")
    return [
        (by_id[organization_id], application_id, days or by_id[organization_id].retention_days)
        for organization_id, application_id, days in rows
        if organization_id in by_id
    ]


def _make_partitions(today: date) -> int:
    made = 0
    for offset in range(AHEAD + 1):
        day = today + timedelta(days=offset)
        name = f"ingestion_message_{day:%Y%m%d}"
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s)", [name])
            if cursor.fetchone()[0] is not None:
                continue
            # A day that already has rows in the default partition stays there: moving them would lock everybody out.
            cursor.execute("SELECT EXISTS (SELECT 1 FROM ingestion_message_default WHERE captured_on = %s)", [day])
            if cursor.fetchone()[0]:
                continue
            cursor.execute("SET lock_timeout = '2s'")
            cursor.execute(
                sql.SQL("CREATE TABLE {} PARTITION OF ingestion_message FOR VALUES FROM ({}) TO ({})").format(
                    sql.Identifier(name), sql.Literal(day), sql.Literal(day + timedelta(days=1))
                )
            )
            cursor.execute("SET lock_timeout = DEFAULT")
            made += 1
    return made


def _drop_partitions(before: date) -> int:
    dropped = 0
    with connections["owner"].cursor() as cursor:
        cursor.execute(_PARTITIONS)
        for (name,) in cursor.fetchall():
            match = _NAME.match(name)
            if match and date(*map(int, match.groups())) < before:
                cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
                dropped += 1
    return dropped


def _delete(statement: str, *parameters: int | date | datetime) -> int:
    """Delete in small transactions, so that nobody waits long; messages and assessments go with their conversation."""
    total = 0
    while True:
        with connections["owner"].cursor() as cursor:
            cursor.execute(statement, [*parameters, _AT_ONCE])
            deleted = int(cursor.rowcount)
        total += deleted
        if deleted < _AT_ONCE:
            return total
