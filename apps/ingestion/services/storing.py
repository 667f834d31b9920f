"""From an accepted batch to conversations and messages, in one transaction, by COPY and INSERT … SELECT.

Row security refuses COPY into a protected table, so rows go to temporary tables first. Rows are sorted by session, so
that two workers with overlapping sessions wait for one another instead of deadlocking.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from apps.ingestion.domain.payloads import decode_payload
from apps.ingestion.domain.stored import StoredMessage, group_into_sessions
from apps.ingestion.models import Batch
from apps.organizations.models import Organization
from apps.platform import clock, work
from apps.platform.tenancy import tenant

# Kept by the connection, emptied by every commit (and by hand for a second batch in one transaction): making tables
# anew costs a small push more than storing it.
_TEMPORARY = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_session (
    session_id text, digests integer, started_at timestamptz, last_at timestamptz, user_hash text, agent text,
    channel text, variant text, prompt_version text, assignments text[], model text, environment text, tags text[],
    metadata jsonb
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_message (
    conversation_id bigint, captured_on date, digest bytea, role text, content text, sent_at timestamptz,
    position integer, metadata jsonb
) ON COMMIT DELETE ROWS;
DELETE FROM incoming_session;
DELETE FROM incoming_message
"""

# A new conversation begins with the version that its messages will make: one row written instead of two.
# What a later push leaves empty never erases what an earlier one said.
_UPSERT_CONVERSATIONS = """
INSERT INTO ingestion_conversation AS c
    (organization_id, application_id, session_id, captured_on, started_at, last_at, content_version, assessed_version,
     touched_by, user_hash, agent, channel, variant, prompt_version, assignments, model, environment, tags, metadata)
SELECT %(organization)s, %(application)s, session_id, %(captured_on)s, started_at, last_at, digests, 0, %(batch)s,
       user_hash, agent, channel, variant, prompt_version, assignments, model, environment, tags, metadata
FROM incoming_session ORDER BY session_id
ON CONFLICT (organization_id, application_id, session_id) DO UPDATE SET
    started_at = least(c.started_at, excluded.started_at),
    last_at = greatest(c.last_at, excluded.last_at),
    user_hash = coalesce(nullif(excluded.user_hash, ''), c.user_hash),
    agent = coalesce(nullif(excluded.agent, ''), c.agent),
    channel = coalesce(nullif(c.channel, ''), excluded.channel),
    variant = coalesce(nullif(excluded.variant, ''), c.variant),
    prompt_version = coalesce(nullif(excluded.prompt_version, ''), c.prompt_version),
    assignments = coalesce((SELECT array_agg(DISTINCT a) FROM unnest(c.assignments || excluded.assignments) a), '{}'),
    model = coalesce(nullif(excluded.model, ''), c.model),
    environment = coalesce(nullif(excluded.environment, ''), c.environment),
    tags = coalesce((SELECT array_agg(DISTINCT t ORDER BY t) FROM unnest(c.tags || excluded.tags) t), '{}'),
    metadata = c.metadata || excluded.metadata
RETURNING session_id, id, captured_on, xmax = 0
"""

_INSERT_MESSAGES = """
WITH added AS (
    INSERT INTO ingestion_message
        (organization_id, captured_on, conversation_id, digest, role, content, sent_at, position, metadata)
    SELECT %(organization)s, captured_on, conversation_id, digest, role, content, sent_at, position, metadata
    FROM incoming_message
    ON CONFLICT DO NOTHING
    RETURNING conversation_id
)
SELECT conversation_id, count(*) FROM added GROUP BY 1
"""

_RAISE_VERSIONS = """
UPDATE ingestion_conversation c SET content_version = content_version + grown.n, touched_by = %(batch)s
FROM unnest(%(conversations)s::bigint[], %(counts)s::integer[]) AS grown(id, n)
WHERE c.organization_id = %(organization)s AND c.id = grown.id
"""


def store_batch(*, organization_id: int, batch_id: str) -> None:
    """Store an accepted batch; storing it again changes nothing. Asks for its analysis in the same transaction."""
    organization = Organization.objects.get(id=organization_id)
    at = clock.now(organization)
    with tenant(organization_id):
        batch = Batch.objects.select_for_update().filter(public_id=batch_id).first()
        if batch is None or batch.status != Batch.Status.PENDING:
            return
        messages = decode_payload(bytes(batch.payload))
        batch.conversations, batch.messages = _write(batch, messages, captured_on=at.date())
        batch.duplicates = len(messages) - batch.messages
        batch.status, batch.stored_at = Batch.Status.STORED, at
        batch.save(update_fields=["conversations", "messages", "duplicates", "status", "stored_at"])
        work.ask("evaluations.assess_batch", organization_id=organization_id, key=batch_id)


def mark_failed(*, organization_id: int, batch_id: str) -> None:
    """Say that a batch could not be stored. Its payload stays: ``retry_batch`` has it tried again."""
    with tenant(organization_id):
        Batch.objects.filter(public_id=batch_id, status=Batch.Status.PENDING).update(status=Batch.Status.FAILED)


def retry_batch(*, organization_id: int, batch_id: str) -> bool:
    """Have a failed batch stored once more; return whether it was failed. Call inside tenant(...)."""
    if not Batch.objects.filter(public_id=batch_id, status=Batch.Status.FAILED).update(status=Batch.Status.PENDING):
        return False
    work.retry_parked(organization_id=organization_id, kind="ingestion.store_batch", key=batch_id)
    return True


def _write(batch: Batch, messages: list[StoredMessage], captured_on: date) -> tuple[int, int]:
    """Write the messages; return how many sessions they belong to and how many of them were new."""
    sessions = group_into_sessions(messages)
    parameters: dict[str, Any] = {
        "organization": batch.organization_id,
        "application": batch.application_id,
        "captured_on": captured_on,
        "batch": batch.id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TEMPORARY)
        _copy(
            cursor,
            "incoming_session",
            ["text", "int4", "timestamptz", "timestamptz", *["text"] * 5, "text[]", "text", "text", "text[]", "jsonb"],
            (
                (
                    s.session_id, s.digests, s.started_at, s.last_at, s.user_hash, s.agent, s.channel, s.variant,
                    s.prompt_version, s.assignments, s.model, s.environment, s.tags, Jsonb(s.metadata),
                )
                for s in sessions
            ),
        )  # fmt: skip
        cursor.execute(_UPSERT_CONVERSATIONS, parameters)
        places: dict[str, tuple[int, date]] = {}
        known: set[int] = set()
        for session_id, conversation_id, day, is_new in cursor.fetchall():
            places[session_id] = conversation_id, day
            if not is_new:
                known.add(conversation_id)
        _copy(
            cursor,
            "incoming_message",
            ["int8", "date", "bytea", "text", "text", "timestamptz", "int4", "jsonb"],
            (
                (*places[m.session_id], bytes.fromhex(m.digest), m.role, m.content, m.sent_at, m.position, _json(m))
                for m in messages
            ),
        )
        cursor.execute(_INSERT_MESSAGES, parameters)
        counts = dict(cursor.fetchall())
        if grown := {each: counts[each] for each in sorted(known & counts.keys())}:
            cursor.execute(
                _RAISE_VERSIONS, {**parameters, "conversations": list(grown), "counts": list(grown.values())}
            )
        cursor.execute("SELECT flywheel_know_conversations()")
        return len(sessions), sum(counts.values())


def _copy(cursor: object, table: str, types: list[str], rows: Iterable[tuple[object, ...]]) -> None:
    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:  # type: ignore[attr-defined]
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


_NOTHING = Jsonb({})


def _json(message: StoredMessage) -> Jsonb:
    return Jsonb(message.metadata) if message.metadata else _NOTHING


def mark_analyzed(*, batch_id: str) -> None:
    """Say that everything the batch brought is analyzed. Call inside tenant(...)."""
    Batch.objects.filter(public_id=batch_id, status=Batch.Status.STORED).update(status=Batch.Status.ANALYZED)
