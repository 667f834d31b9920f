"""What capture knows of a person, taken away: transcripts, outcomes, and the lines of batches they came in.

Call outside tenant(...): each piece is a transaction of its own, so that a person of a million lines holds up nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import zstandard

from apps.ingestion.domain.stored import StoredMessage
from apps.ingestion.models import Batch, Conversation, HistoryEnd, Outcome, SealedLines
from apps.ingestion.services.accepting import COMPRESSION_LEVEL
from apps.platform.tenancy import tenant

_decoder = msgspec.json.Decoder(StoredMessage)
_AT_ONCE = 500


@dataclass(frozen=True)
class Forgotten:
    """A conversation that is gone: what else is kept under its id goes by this."""

    conversation_id: int
    application_id: int
    session_id: str


def forget_lines(*, organization_id: int, unit_hash: str) -> int:
    """Rewrite every batch that holds lines of this person without their sessions; return how many lines went.

    First of all, so that a batch stored meanwhile brings nothing back.
    """
    gone, last = 0, 0
    while True:
        with tenant(organization_id):
            batch = Batch.objects.select_for_update().filter(id__gt=last).order_by("id").first()
            if batch is None:
                return gone
            last = batch.id
            lines = zstandard.decompress(bytes(batch.payload)).splitlines()
            messages = [_decoder.decode(line) for line in lines]
            sessions = {message.session_id for message in messages if message.user_hash == unit_hash}
            if not sessions:
                continue
            kept = [line for line, message in zip(lines, messages, strict=True) if message.session_id not in sessions]
            gone += len(lines) - len(kept)
            # Nobody can tell whose lines the sealed ones of this batch are.
            SealedLines.objects.filter(batch=batch).delete()
            batch.payload = zstandard.compress(b"\n".join(kept), COMPRESSION_LEVEL)
            batch.save(update_fields=["payload"])


def next_conversations(*, organization_id: int, unit_hash: str) -> list[Forgotten]:
    """Return up to 500 of the person's conversations that are still there."""
    with tenant(organization_id):
        rows = Conversation.objects.filter(user_hash=unit_hash).order_by("id")
        return [Forgotten(*row) for row in rows.values_list("id", "application_id", "session_id")[:_AT_ONCE]]


def forget_conversations(conversations: list[Forgotten]) -> tuple[int, int]:
    """Delete them with everything that hangs on them, and the outcomes told of their sessions; return how many of each.

    Call inside tenant(...).
    """
    outcomes = 0
    for each in conversations:
        told = Outcome.objects.filter(application_id=each.application_id, session_id=each.session_id)
        outcomes += told.delete()[0]
        HistoryEnd.objects.filter(application_id=each.application_id, session_id=each.session_id).delete()
    rows = Conversation.objects.filter(id__in=[each.conversation_id for each in conversations])
    # By the database's own cascade: messages are partitioned, and Django need not know them.
    deleted: int = rows._raw_delete(rows.db)
    return deleted, outcomes


def forget_outcomes(*, organization_id: int, unit_hash: str) -> int:
    """Delete what was told of the person by name later. Return how many."""
    with tenant(organization_id):
        return Outcome.objects.filter(unit_hash=unit_hash).delete()[0]
