"""Pairs of requests and answers find the conversation they go on with, however many pushes it came in."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

import msgspec

from apps.ingestion.domain.histories import End, join
from apps.ingestion.domain.values import ParsedBatch
from apps.ingestion.models import HistoryEnd
from apps.organizations.models import Organization

_BYTES = 16


@dataclass
class _KnownEnd(End):
    row: int = 0


def join_threads(parsed: ParsedBatch, *, organization: Organization, application_id: int, at: datetime) -> ParsedBatch:
    """Return the push with its threads in the sessions they go on with, and remember where those stand now.

    Call inside the tenant(...) that makes the batch durable: what is remembered was stored, or neither. Two pushes that
    go on with one history take turns.
    """
    if not parsed.threads:
        return parsed
    secret = bytes.fromhex(organization.secret)
    # Digests of texts that could be guessed tell nothing without the organization's secret.
    threads = [
        msgspec.structs.replace(
            thread,
            histories=[_keyed(secret, history) for history in thread.histories],
            identity=_keyed(secret, thread.identity),
        )
        for thread in parsed.threads
    ]
    before = {history for thread in threads if thread.continues for history in thread.histories[:-1]}
    rows = HistoryEnd.objects.select_for_update().filter(
        application_id=application_id, history__in=[bytes.fromhex(each) for each in before]
    )
    known = [
        _KnownEnd(bytes(row.history).hex(), row.session_id, row.continued_by, row.id) for row in rows.order_by("id")
    ]
    joined = join(parsed.messages, threads, known)
    for end in joined.taken:
        assert isinstance(end, _KnownEnd)
        HistoryEnd.objects.filter(id=end.row).update(continued_by=end.continued_by)
    HistoryEnd.objects.bulk_create(
        (
            HistoryEnd(
                organization_id=organization.id,
                application_id=application_id,
                history=bytes.fromhex(end.history),
                session_id=end.session_id,
                continued_by=end.continued_by,
                told_at=at,
            )
            # In one order for everybody, so that two pushes wait for one another instead of deadlocking.
            for end in sorted(joined.new, key=lambda end: (end.history, end.session_id))
        ),
        ignore_conflicts=True,
    )
    return msgspec.structs.replace(parsed, messages=joined.messages)


def _keyed(secret: bytes, history: str) -> str:
    return hmac.digest(secret, b"history\0" + history.encode(), hashlib.sha256)[:_BYTES].hex()
