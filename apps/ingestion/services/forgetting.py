"""What capture knows of a person, taken away: transcripts, outcomes, and the lines of batches they came in.

Call outside tenant(...) unless it says otherwise: each piece is a transaction of its own, so that a person of a million
lines holds up nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.ingestion.domain.digests import unit_hash
from apps.ingestion.domain.naming import who_is_named
from apps.ingestion.domain.payloads import decode_payload, encode_payload
from apps.ingestion.models import Batch, Conversation, HistoryEnd, Outcome, RejectedLine
from apps.ingestion.services.sealing import OriginalsGone, seal, unseal
from apps.organizations.models import Organization
from apps.platform.models import IdempotencyRecord
from apps.platform.tenancy import tenant

_AT_ONCE = 500
_EVER = datetime.min.replace(tzinfo=UTC)
_ERASED = "erased with the person it is of"

# (application, session id): a session is one conversation of one application.
Session = tuple[int, str]


@dataclass(frozen=True)
class Trace:
    """What points at a person in pieces kept elsewhere: some of their conversations, or their hash alone."""

    unit_hash: str
    sessions: frozenset[Session] = frozenset()
    conversations: frozenset[int] = frozenset()
    # The assignment ids that these conversations' logs echoed.
    assignments: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """The session ids, whichever application's."""
        return frozenset(session for _, session in self.sessions)


def sessions_of(*, unit_hash: str) -> set[Session]:
    """Return the sessions whose conversations are this person's. Call inside tenant(...)."""
    rows = Conversation.objects.filter(user_hash=unit_hash)
    return set(rows.values_list("application_id", "session_id"))


def find_in_lines(*, organization_id: int, unit_hash: str, after: int) -> Iterator[tuple[int, set[Session]]]:
    """Yield each batch later than ``after``, by its id, and the sessions in which this person spoke in it.

    A session that somebody else took over later is the other's by its conversation, and this person's by its lines.
    """
    for batch_id in _batches(organization_id, after):
        with tenant(organization_id):
            batch = Batch.objects.filter(id=batch_id).first()
        messages = decode_payload(bytes(batch.payload)) if batch else []
        yield (
            batch_id,
            {(batch.application_id, each.session_id) for each in messages if batch and each.user_hash == unit_hash},
        )


def forget_lines(
    *, organization: Organization, person: str, sessions: Collection[Session], after: int
) -> Iterator[tuple[int, int]]:
    """Rewrite each batch later than ``after`` without the lines of these sessions; yield its id and how many went.

    Lines that were rejected go with them: those that name the person or one of the sessions, and those of a rewritten
    batch that name nobody.
    """
    secret = bytes.fromhex(organization.secret)
    for batch_id in _batches(organization.id, after):
        with tenant(organization.id):
            batch = Batch.objects.select_for_update().filter(id=batch_id).first()
            gone = _forget_batch(batch, secret, person, sessions) if batch else 0
        yield batch_id, gone


def trace_of(*, unit_hash: str, sessions: Collection[Session]) -> Trace:
    """Return what these sessions are known by. Call inside tenant(...)."""
    rows = Conversation.objects.filter(session_id__in={session for _, session in sessions})
    rows = rows.filter(application_id__in={application_id for application_id, _ in sessions})
    conversations, assignments = set(), set()
    for conversation_id, application_id, session_id, echoed in rows.values_list(
        "id", "application_id", "session_id", "assignments"
    ):
        if (application_id, session_id) in sessions:
            conversations.add(conversation_id)
            assignments.update(echoed)
    return Trace(unit_hash, frozenset(sessions), frozenset(conversations), frozenset(assignments))


def forget_conversations(trace: Trace) -> tuple[int, int]:
    """Delete them with everything that hangs on them, and the outcomes told of their sessions; return how many of each.

    Call inside tenant(...).
    """
    outcomes = Outcome.objects.filter(unit_hash=trace.unit_hash).delete()[0]
    for application_id in {application_id for application_id, _ in trace.sessions}:
        names = [session for of, session in trace.sessions if of == application_id]
        outcomes += Outcome.objects.filter(application_id=application_id, session_id__in=names).delete()[0]
        HistoryEnd.objects.filter(application_id=application_id, session_id__in=names).delete()
    rows = Conversation.objects.filter(id__in=trace.conversations)
    # By the database's own cascade: messages are partitioned, and Django need not know them.
    deleted: int = rows._raw_delete(rows.db) if trace.conversations else 0
    return deleted, outcomes


def _batches(organization_id: int, after: int) -> Iterator[int]:
    """Yield the ids of the organization's batches, oldest first, those included that arrive meanwhile."""
    while True:
        with tenant(organization_id):
            ids = list(Batch.objects.filter(id__gt=after).order_by("id").values_list("id", flat=True)[:_AT_ONCE])
        if not ids:
            return
        yield from ids
        after = ids[-1]


def _forget_batch(batch: Batch, secret: bytes, person: str, sessions: Collection[Session]) -> int:
    names = {session for application_id, session in sessions if application_id == batch.application_id}
    messages = decode_payload(bytes(batch.payload))
    kept = [message for message in messages if message.session_id not in names]
    taken = len(messages) - len(kept)
    rejected = _forget_rejected(batch, secret, person, names, taken > 0) if batch.rejected else 0
    if taken or rejected:
        batch.payload = encode_payload(kept)
        batch.warnings = [each | {"detail": ""} for each in batch.warnings]
        batch.save(update_fields=["payload", "warnings"])
        _forget_answers(batch)
    return taken + rejected


def _forget_rejected(batch: Batch, secret: bytes, person: str, names: Collection[str], is_theirs: bool) -> int:
    """Blank the rejected lines that are the person's, and those of nobody where the batch held lines of theirs."""

    def goes(line: bytes) -> bool:
        users, sessions = who_is_named(line)
        if any(unit_hash(secret, user) == person for user in users) or sessions & set(names):
            return True
        return is_theirs and not users and not sessions

    try:
        # Those whose week is over, too: they are there until maintenance comes by.
        originals, keep_until = unseal(batch, at=_EVER)
    except OriginalsGone:
        originals, keep_until = [], _EVER
    by_line = dict(originals)
    rows = RejectedLine.objects.filter(batch=batch).exclude(detail=_ERASED)
    lines = {row.line for row in rows if goes(by_line.get(row.line, row.excerpt.encode()))}
    if not lines:
        return 0
    seal(batch, [(line, original) for line, original in originals if line not in lines], keep_until=keep_until)
    return RejectedLine.objects.filter(batch=batch, line__in=lines).update(excerpt="", detail=_ERASED)


def _forget_answers(batch: Batch) -> None:
    """Blank what a stored answer to the push says of single lines; that it was answered stays, for a repeat."""
    for record in IdempotencyRecord.objects.filter(response__batch_id=batch.public_id):
        record.response = {key: _blank(value) for key, value in record.response.items()}
        record.save(update_fields=["response"])


def _blank(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [each | {"detail": ""} if isinstance(each, dict) and "detail" in each else each for each in value]
