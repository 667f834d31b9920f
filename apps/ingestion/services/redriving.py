"""Trying rejected lines again from their originals, after what refused them has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.ingestion.domain.excerpts import excerpt
from apps.ingestion.domain.formats import parse_again
from apps.ingestion.domain.payloads import decode_payload
from apps.ingestion.domain.redaction import Redactor
from apps.ingestion.domain.values import LineError, ParsedBatch
from apps.ingestion.models import Batch, RejectedLine
from apps.ingestion.services.accepting import explain, keep, redact
from apps.ingestion.services.joining import join_threads
from apps.ingestion.services.sealing import seal, unseal
from apps.organizations.models import Organization
from apps.organizations.services import record_audit


@dataclass(frozen=True)
class Redriven:
    """What became of a batch's rejected lines: the batch of those that were good now (None: of none), and the rest."""

    batch_id: str | None
    accepted: int
    rejected: int


def redrive(
    *, organization: Organization, batch_id: str, at: datetime, actor: str, format_name: str = "auto"
) -> Redriven:
    """Read a batch's rejected lines again; store the good ones, leave the others as they are now refused.

    Repeating it changes nothing: a line that was taken is no longer there to be tried. Call inside tenant(...). Raises
    OriginalsGone when lines are left whose originals are not, and UnknownFormat.
    """
    # Two at once take turns here: the second finds what the first has left.
    batch = Batch.objects.select_for_update().get(public_id=batch_id)
    if not batch.rejected:
        return Redriven(None, 0, 0)
    originals, keep_until = unseal(batch, at=at)
    parsed = parse_again(originals, at=batch.received_at, format_name=format_name)
    redactor = Redactor(organization.redaction)
    taken = _store(batch, parsed, organization, redactor, at) if parsed.messages else None
    _leave(batch, originals, parsed.errors, redactor)
    seal(batch, [(e.line, e.original) for e in parsed.errors], keep_until=keep_until)
    batch.rejected -= parsed.lines_accepted
    batch.redriven += parsed.lines_accepted
    batch.save(update_fields=["rejected", "redriven"])
    record_audit(
        organization_id=organization.id, at=at, actor=actor, action="batch.redriven", subject=batch_id,
        accepted=parsed.lines_accepted, rejected=batch.rejected, format=format_name,
    )  # fmt: skip
    return Redriven(taken, parsed.lines_accepted, batch.rejected)


def _store(batch: Batch, parsed: ParsedBatch, organization: Organization, redactor: Redactor, at: datetime) -> str:
    parsed = join_threads(parsed, organization=organization, application_id=batch.application_id, at=at)
    messages = redact(parsed, organization, redactor, _digests_of(batch))
    warnings: list[dict[str, Any]] = [
        {"line": w.line, "code": w.code, "detail": w.detail, "count": w.count} for w in parsed.warnings
    ]
    made = Batch(
        organization_id=organization.id,
        application_id=batch.application_id,
        body_digest=hashlib.sha256(bytes(batch.body_digest) + batch.public_id.encode()).digest(),
        format=parsed.format,
        source=batch.source,
        redrive_of=batch.public_id,
        accepted=parsed.lines_accepted,
        warnings=warnings,
        received_at=at,
    )
    keep(made, messages)
    return made.public_id


def _digests_of(batch: Batch) -> set[tuple[str, bytes]]:
    """Return (session, digest) of what the push brought so far: a twin among the rejected lines is one more message."""
    pushed = [batch, *Batch.objects.filter(redrive_of=batch.public_id)]
    return {
        (message.session_id, bytes.fromhex(message.digest))
        for each in pushed
        for message in decode_payload(bytes(each.payload))
    }


def _leave(
    batch: Batch, originals: Sequence[tuple[int, bytes]], errors: Sequence[LineError], redactor: Redactor
) -> None:
    """Leave of the lines that were tried those that are still refused, with today's reason."""
    RejectedLine.objects.filter(batch=batch, line__in=[line for line, _ in originals]).delete()
    RejectedLine.objects.bulk_create(
        RejectedLine(
            organization_id=batch.organization_id, batch=batch, excerpt=excerpt(error.original, redactor), **line
        )
        for line, error in zip(explain(errors, redactor), errors, strict=True)
    )
