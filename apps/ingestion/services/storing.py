"""From an accepted batch to conversations and messages, in one transaction, by COPY and INSERT … SELECT.

Row security refuses COPY into a protected table, so rows go to temporary tables first. Rows are sorted by session, so
that two workers with overlapping sessions wait for one another instead of deadlocking.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
import zstandard
from django.db import connection
from psycopg.types.json import Jsonb

from apps.ingestion.domain.stored import StoredMessage, group_into_sessions
from apps.ingestion.models import Batch
from apps.organizations.models import Organization
from apps.platform import clock, work
from apps.platform.tenancy import tenant

_lines = msgspec.json.Decoder(StoredMessage)

_TEMPORARY = """
CREATE TEMPORARY TABLE incoming_session (
    session_id text, started_at timestamptz, last_at timestamptz, user_hash text, agent text, channel text,
    variant text, prompt_version text, assignments text[], model text, environment text, tags text[], metadata jsonb
) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_message (
    session_id text, digest bytea, role text, content text, sent_at timestamptz, position integer, metadata jsonb
) ON COMMIT DROP
"""

# What a later push leaves empty never erases what an earlier one said.
_UPSERT_CONVERSATIONS = """
INSERT INTO ingestion_conversation AS c
    (organization_id, application_id, session_id, captured_on, started_at, last_at, content_version, assessed_version,
     user_hash, agent, channel, variant, prompt_version, assignments, model, environment, tags, metadata)
SELECT %(organization)s, %(application)s, session_id, %(captured_on)s, started_at, last_at, 0, 0,
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
"""

_INSERT_MESSAGES = """
WITH added AS (
    INSERT INTO ingestion_message
        (organization_id, captured_on, conversation_id, digest, role, content, sent_at, position, metadata)
    SELECT c.organization_id, c.captured_on, c.id, m.digest, m.role, m.content, m.sent_at, m.position, m.metadata
    FROM incoming_message m JOIN ingestion_conversation c
        ON c.organization_id = %(organization)s AND c.application_id = %(application)s
        AND c.session_id = m.session_id
    ON CONFLICT DO NOTHING
    RETURNING conversation_id
), counted AS (SELECT conversation_id, count(*) AS n FROM added GROUP BY conversation_id)
UPDATE ingestion_conversation c SET content_version = content_version + n, touched_by = %(batch)s
FROM counted WHERE c.organization_id = %(organization)s AND c.id = counted.conversation_id
RETURNING n
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


def decode_payload(payload: bytes) -> list[StoredMessage]:
    """Return the messages of a batch's payload."""
    lines = zstandard.decompress(payload).splitlines()
    return [_lines.decode(line) for line in lines]


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
            ["text", "timestamptz", "timestamptz", *["text"] * 5, "text[]", "text", "text", "text[]", "jsonb"],
            (
                (
                    s.session_id, s.started_at, s.last_at, s.user_hash, s.agent, s.channel, s.variant,
                    s.prompt_version, s.assignments, s.model, s.environment, s.tags, Jsonb(s.metadata),
                )
                for s in sessions
            ),
        )  # fmt: skip
        _copy(
            cursor,
            "incoming_message",
            ["text", "bytea", "text", "text", "timestamptz", "int4", "jsonb"],
            (
                (m.session_id, bytes.fromhex(m.digest), m.role, m.content, m.sent_at, m.position, Jsonb(m.metadata))
                for m in messages
            ),
        )
        cursor.execute(_UPSERT_CONVERSATIONS, parameters)
        cursor.execute(_INSERT_MESSAGES, parameters)
        added = sum(row[0] for row in cursor.fetchall())
        cursor.execute("DROP TABLE incoming_session, incoming_message")
        return len(sessions), added


def _copy(cursor: object, table: str, types: list[str], rows: Iterable[tuple[object, ...]]) -> None:
    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:  # type: ignore[attr-defined]
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def mark_analyzed(*, batch_id: str) -> None:
    """Say that everything the batch brought is analyzed. Call inside tenant(...)."""
    Batch.objects.filter(public_id=batch_id, status=Batch.Status.STORED).update(status=Batch.Status.ANALYZED)
