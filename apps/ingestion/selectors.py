"""Reads of what was captured. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection
from django.db.models import Case, Count, F, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce

from apps.ingestion.models import Batch, CaptureFile, CaptureSource, Conversation, Outcome, RejectedLine, SealedLines


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One stored message."""

    digest: str
    role: str
    content: str
    sent_at: datetime
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One late truth."""

    metric: str
    value: Any
    amount: Decimal | None
    occurred_at: datetime


# Binary digests as text, jsonb left to msgspec: Django's own decoding costs more than the query.
_MESSAGES = """
SELECT conversation_id, encode(digest, 'hex'), role, content, sent_at, metadata::text
FROM ingestion_message
WHERE organization_id = %s AND captured_on = ANY(%s) AND conversation_id = ANY(%s)
ORDER BY conversation_id, sent_at, position, digest
"""
_STALE: dict[str, Any] = {"assessed_version__lt": F("content_version")}
_decode_metadata = msgspec.json.Decoder(dict[str, Any]).decode


def read_messages(conversations: Sequence[Conversation]) -> dict[int, list[MessageRow]]:
    """Return the messages of each conversation in time order, by conversation id; one query."""
    found: dict[int, list[MessageRow]] = {conversation.id: [] for conversation in conversations}
    if not conversations:
        return found
    days = list({conversation.captured_on for conversation in conversations})
    with connection.cursor() as cursor:
        cursor.execute(_MESSAGES, [conversations[0].organization_id, days, list(found)])
        for conversation_id, digest, role, content, sent_at, metadata in cursor.fetchall():
            decoded = {} if metadata == "{}" else _decode_metadata(metadata)
            found[conversation_id].append(MessageRow(digest, role, content, sent_at, decoded))
    return found


def read_outcomes(conversations: Sequence[Conversation]) -> dict[int, list[OutcomeRow]]:
    """Return the late truths of each conversation, by conversation id; one query for one application's."""
    found: dict[int, list[OutcomeRow]] = {conversation.id: [] for conversation in conversations}
    if not conversations:
        return found
    by_session = {conversation.session_id: conversation.id for conversation in conversations}
    rows = Outcome.objects.filter(
        application_id=conversations[0].application_id, session_id__in=list(by_session)
    ).order_by("occurred_at", "id")
    for row in rows:
        found[by_session[row.session_id]].append(OutcomeRow(row.metric, row.value, row.amount, row.occurred_at))
    return found


def unassessed_of_batch(batch_id: str, limit: int) -> list[Conversation]:
    """Return conversations this batch touched whose newest content is not analyzed yet."""
    batch = Batch.objects.only("id").filter(public_id=batch_id).first()
    if batch is None:
        return []
    return list(Conversation.objects.filter(touched_by=batch.id, **_STALE).order_by("id")[:limit])


def unassessed_of_application(application_id: int, limit: int) -> list[Conversation]:
    """Return conversations of an application whose newest content is not analyzed yet."""
    return list(Conversation.objects.filter(application_id=application_id, **_STALE).order_by("id")[:limit])


def unassessed(application_id: int | None = None) -> QuerySet[Conversation]:
    """Return the conversations that hold content that is not analyzed yet."""
    rows = Conversation.objects.filter(**_STALE)
    return rows if application_id is None else rows.filter(application_id=application_id)


def first_start(*, application_id: int, within: timedelta) -> datetime | None:
    """Return when the first of an application's conversations began, of those that began ``within`` of its newest."""
    rows = Conversation.objects.filter(application_id=application_id).order_by("-started_at", "-id")
    newest = rows.values_list("started_at", flat=True).first()
    if newest is None:
        return None
    recent = rows.filter(started_at__gte=newest - within).reverse()
    return recent.values_list("started_at", flat=True).first()


@dataclass(frozen=True)
class CapturedPeriod:
    """What a period brought: conversations that began in it, and the pushes received in it by their state."""

    conversations: int
    batches: int
    pending_batches: int
    failed_batches: int
    rejected_lines: int


def captured_between(*, application_id: int, since: datetime, until: datetime) -> CapturedPeriod:
    """Count one application's period: ``since`` is included, ``until`` is not. Two queries."""
    conversations = Conversation.objects.filter(
        application_id=application_id, started_at__gte=since, started_at__lt=until
    ).count()
    pushed = Batch.objects.filter(application_id=application_id, received_at__gte=since, received_at__lt=until)
    counts = pushed.aggregate(
        batches=Count("id"),
        failed_batches=Count("id", filter=Q(status=Batch.Status.FAILED)),
        rejected_lines=Coalesce(Sum("rejected"), 0),
    )
    # Whatever was accepted before the end may belong to the period, however early it came.
    pending = Batch.objects.filter(
        application_id=application_id, status=Batch.Status.PENDING, received_at__lt=until
    ).count()
    return CapturedPeriod(conversations=conversations, pending_batches=pending, **counts)


def find_batch(batch_id: str) -> Batch | None:
    """Return the batch of this public id, without its payload."""
    return Batch.objects.defer("payload").filter(public_id=batch_id).first()


def find_batches(batch_ids: Sequence[str]) -> list[Batch]:
    """Return the batches of these public ids, without their payloads; one query."""
    return list(Batch.objects.defer("payload").filter(public_id__in=batch_ids))


def rejected_lines(batch: Batch) -> Iterator[RejectedLine]:
    """Yield the batch's rejected lines in order."""
    yield from RejectedLine.objects.filter(batch=batch).order_by("line")


def originals_kept_until(batch: Batch, *, at: datetime) -> datetime | None:
    """Return until when the originals of a batch's rejected lines are kept; None when they are not any more."""
    kept = SealedLines.objects.filter(batch=batch, keep_until__gt=at)
    return kept.values_list("keep_until", flat=True).first()


def list_batches(
    *, application_id: int | None, before: int | None, limit: int, status: str | None = None
) -> list[Batch]:
    """Return a page of batches without their payloads, newest first."""
    rows = Batch.objects.defer("payload").select_related("application")
    if application_id is not None:
        rows = rows.filter(application_id=application_id)
    if before is not None:
        rows = rows.filter(id__lt=before)
    if status:
        rows = rows.filter(status=status)
    return list(rows.order_by("-id")[:limit])


def watched_sources(*, application_id: int | None) -> list[CaptureSource]:
    """Return the patterns of files that are read as they grow."""
    rows = CaptureSource.objects.filter(watched=True).select_related("application").order_by("id")
    return list(rows if application_id is None else rows.filter(application_id=application_id))


def files_of(sources: Sequence[CaptureSource], *, limit: int) -> list[CaptureFile]:
    """Return the files of these sources, those with an error first, then the ones read last."""
    rows = CaptureFile.objects.filter(source__in=[each.id for each in sources])
    return list(rows.order_by(Case(When(error="", then=1), default=0), "-read_at", "-id")[:limit])


def count_faulty_files(sources: Sequence[CaptureSource]) -> int:
    """Return of how many files of these sources something could not be read."""
    if not sources:
        return 0
    return CaptureFile.objects.filter(source__in=[each.id for each in sources]).exclude(error="").count()


def count_batch(batch: Batch) -> tuple[int, int]:
    """Return how many conversations a batch touched last, and how many of those are analyzed."""
    rows = Conversation.objects.filter(touched_by=batch.id)
    total = rows.count()
    return total, total - rows.filter(**_STALE).count()


def oldest_waiting(application_id: int | None = None) -> datetime | None:
    """Return when the oldest batch that is not fully analyzed was received."""
    waiting = Batch.objects.filter(status__in=[Batch.Status.PENDING, Batch.Status.STORED])
    if application_id is not None:
        waiting = waiting.filter(application_id=application_id)
    return waiting.order_by("id").values_list("received_at", flat=True).first()


# What a search considers; beyond it a narrower question is due.
MOST_FOUND = 2_000


def search(words: str) -> list[int]:
    """Return the ids of conversations with a message that holds these words, newest first, at most MOST_FOUND.

    ``words`` are read as in a web search: all of them, "a phrase" in quotes, -without. Call inside tenant(...).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT conversation_id FROM flywheel_search(%s, %s)", [words, MOST_FOUND])
        return [conversation_id for (conversation_id,) in cursor.fetchall()]


def person_of(conversation_id: int) -> str | None:
    """Return the keyed hash of a conversation's person: empty where it names none, None where it is not there."""
    return Conversation.objects.filter(id=conversation_id).values_list("user_hash", flat=True).first()
