"""Accepting a push: parse, digest, redact, and make it durable before anybody hears 202.

All of it happens in the web process, so no unredacted line ever reaches the database.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import zstandard

from apps.ingestion.domain.digests import digest_messages, unit_hash
from apps.ingestion.domain.formats import parse
from apps.ingestion.domain.redaction import Redactor
from apps.ingestion.domain.stored import StoredMessage
from apps.ingestion.domain.values import ParsedBatch
from apps.ingestion.models import Batch, RejectedLine
from apps.organizations.models import Organization
from apps.platform import work
from apps.platform.identifiers import new_identifier
from apps.platform.tenancy import tenant

_encoder = msgspec.json.Encoder()
# Level 1: the payload lives until it is stored; speed counts, not size.
_COMPRESSION_LEVEL = 1
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
) -> Acceptance:
    """Accept a push of log lines and return what became of it, once it is committed.

    Raises UnknownFormat or UnreadableBody (ingestion.domain) when there is nothing to accept or reject line by line,
    RedactionFailed when personal data might have passed: then nothing is stored.
    """
    parsed = parse(body, format_name=format_name, at=at)
    redactor = Redactor(organization.redaction)
    # Redacted whole, then cut: half an address would no longer be seen as one.
    rejected = [
        {"line": e.line, "code": e.code, "detail": redactor.text(e.detail)[:_LONGEST_DETAIL]} for e in parsed.errors
    ]
    warnings = [{"line": w.line, "code": w.code, "detail": w.detail, "count": w.count} for w in parsed.warnings]
    if not parsed.messages:
        return Acceptance(None, 0, set(), rejected, warnings)
    messages = _redacted(parsed, organization, redactor)
    payload = zstandard.compress(b"\n".join(_encoder.encode(message) for message in messages), _COMPRESSION_LEVEL)
    with tenant(organization.id):
        batch = Batch.objects.create(
            organization_id=organization.id,
            public_id=new_identifier("b"),
            application_id=application_id,
            idempotency_key=idempotency_key,
            body_digest=hashlib.sha256(body).digest(),
            format=parsed.format,
            source=source,
            payload=payload,
            accepted=parsed.lines_accepted,
            rejected=len(rejected),
            warnings=warnings,
            received_at=at,
        )
        RejectedLine.objects.bulk_create(
            RejectedLine(
                organization_id=organization.id,
                batch=batch,
                **line,
            )
            for line in rejected
        )
        work.ask("ingestion.store_batch", organization_id=organization.id, key=batch.public_id)
    sessions = {message.session_id for message in messages}
    return Acceptance(batch.public_id, parsed.lines_accepted, sessions, rejected, warnings)


def _redacted(parsed: ParsedBatch, organization: Organization, redactor: Redactor) -> list[StoredMessage]:
    secret = bytes.fromhex(organization.secret)
    digests = digest_messages(secret, parsed.messages)
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
