"""Accepting a push: parse, digest, redact, and make it durable before anybody hears 202.

All of it happens in the web process, so no unredacted line ever reaches the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.ingestion.domain.digests import digest_messages, unit_hash
from apps.ingestion.domain.excerpts import excerpt, storable
from apps.ingestion.domain.formats import parse
from apps.ingestion.domain.payloads import encode_payload
from apps.ingestion.domain.redaction import Redactor
from apps.ingestion.domain.stored import StoredMessage
from apps.ingestion.domain.values import LineError, ParsedBatch
from apps.ingestion.models import Batch, RejectedLine
from apps.ingestion.services.joining import join_threads
from apps.ingestion.services.sealing import KEPT_FOR, seal
from apps.organizations.models import Organization
from apps.platform import work
from apps.platform.identifiers import new_identifier
from apps.platform.tenancy import tenant

_LONGEST_DETAIL = 200


@dataclass(frozen=True)
class Acceptance:
    """What the client hears: the batch's id (None when nothing was accepted), counts, errors, warnings."""

    batch_id: str | None
    accepted: int
    sessions: set[str]
    rejected: list[dict[str, Any]]
    warnings: list[dict[str, Any]]


def accept(
    body: bytes,
    *,
    organization: Organization,
    application_id: int,
    at: datetime,
    format_name: str = "auto",
    idempotency_key: str = "",
    source: str = "api",
    first_line: int = 1,
    may_be_document: bool = True,
    keep_rejects: bool = False,
) -> Acceptance:
    """Accept a push of log lines and return what became of it, once it is committed.

    ``first_line`` and ``may_be_document``: see ``parse``. A push without a good line makes no batch, unless
    ``keep_rejects`` says that its sender does not hear of it. Raises UnknownFormat or UnreadableBody (ingestion.domain)
    when there is nothing to accept or reject line by line, RedactionFailed when personal data might have passed: then
    nothing is stored.
    """
    parsed = parse(body, format_name=format_name, at=at, first_line=first_line, may_be_document=may_be_document)
    redactor = Redactor(organization.redaction)
    rejected = explain(parsed.errors, redactor)
    warnings = [{"line": w.line, "code": w.code, "detail": w.detail, "count": w.count} for w in parsed.warnings]
    if not parsed.messages and not (keep_rejects and rejected):
        return Acceptance(None, 0, set(), rejected, warnings)
    # Pairs look for their conversation in what is stored: they are joined in the transaction that stores them.
    with tenant(organization.id) if parsed.threads else nullcontext():
        parsed = join_threads(parsed, organization=organization, application_id=application_id, at=at)
        messages = redact(parsed, organization, redactor)
        with tenant(organization.id):
            batch = Batch(
                organization_id=organization.id,
                application_id=application_id,
                idempotency_key=idempotency_key,
                body_digest=hashlib.sha256(body).digest(),
                format=parsed.format,
                source=source,
                accepted=parsed.lines_accepted,
                rejected=len(rejected),
                warnings=warnings,
                received_at=at,
            )
            keep(batch, messages)
            _keep_rejected(batch, parsed.errors, rejected, redactor)
    sessions = {message.session_id for message in messages}
    return Acceptance(batch.public_id, parsed.lines_accepted, sessions, rejected, warnings)


def _keep_rejected(
    batch: Batch, errors: Sequence[LineError], rejected: Sequence[dict[str, Any]], redactor: Redactor
) -> None:
    RejectedLine.objects.bulk_create(
        RejectedLine(
            organization_id=batch.organization_id, batch=batch, excerpt=excerpt(error.original, redactor), **line
        )
        for line, error in zip(rejected, errors, strict=True)
    )
    originals = [(error.line, error.original) for error in errors if error.original]
    seal(batch, originals, keep_until=batch.received_at + KEPT_FOR)


def explain(errors: Sequence[LineError], redactor: Redactor) -> list[dict[str, Any]]:
    """Return what the client hears of its rejected lines. Redacted whole, then cut: half an address is still one."""
    return [
        {"line": e.line, "code": e.code, "detail": redactor.text(storable(e.detail))[:_LONGEST_DETAIL]} for e in errors
    ]


def keep(batch: Batch, messages: Sequence[StoredMessage]) -> None:
    """Make a new batch durable with its messages, and ask for its storing. Call inside tenant(...)."""
    batch.public_id = new_identifier("b")
    batch.payload = encode_payload(messages)
    batch.save(force_insert=True)
    work.ask("ingestion.store_batch", organization_id=batch.organization_id, key=batch.public_id)


def redact(
    parsed: ParsedBatch,
    organization: Organization,
    redactor: Redactor,
    taken: Set[tuple[str, bytes]] = frozenset(),
) -> list[StoredMessage]:
    """Return the messages as they may be stored, each with its digest (``taken``: see digest_messages)."""
    secret = bytes.fromhex(organization.secret)
    digests = digest_messages(secret, parsed.messages, taken)
    contents = redactor.texts([message.content for message in parsed.messages])
    return [
        StoredMessage(
            session_id=message.session_id,
            digest=digest.hex(),
            role=message.role,
            content=content,
            sent_at=message.sent_at,
            position=message.position,
            user_hash=unit_hash(secret, message.user_id) if message.user_id else "",
            metadata=redactor.metadata(message.metadata) if message.metadata else {},
        )
        for message, digest, content in zip(parsed.messages, digests, contents, strict=True)
    ]
