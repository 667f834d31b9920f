"""Repeated requests: the same Idempotency-Key gets the same answer, another body under it is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError

from apps.platform import clock
from apps.platform.api.problems import Problem
from apps.platform.models import IdempotencyRecord
from apps.platform.tenancy import tenant

LEASE = timedelta(seconds=60)  # a killed web process blocks its key this long, not for a day
KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body; ``replayed`` when it was stored before."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


def once(*, organization_id: int, endpoint: str, key: str, body: bytes, work: Callable[[], Answer]) -> Answer:
    """Run ``work`` under this key, or give the answer it gave before.

    Raises a 422 problem when the key came with another body, 409 while the first request is under way. Without a key,
    it just runs. An answer that asks the caller to come back (5xx, 429) is not kept.
    """
    if not key:
        return work()
    if len(key) > 255:
        raise Problem(422, "bad_idempotency_key", "An Idempotency-Key has at most 255 characters.")
    body_hash = hashlib.sha256(body).digest()
    stored = _begin(organization_id, endpoint, key, body_hash)
    if stored is not None:
        return stored
    try:
        answer = work()
    except BaseException:
        with tenant(organization_id):
            IdempotencyRecord.objects.filter(endpoint=endpoint, key=key).delete()
        raise
    with tenant(organization_id):
        IdempotencyRecord.objects.filter(endpoint=endpoint, key=key).update(status=answer.status, response=answer.body)
    return answer


def _begin(organization_id: int, endpoint: str, key: str, body_hash: bytes) -> Answer | None:
    at = clock.wall()
    fresh = {"body_hash": body_hash, "status": None, "response": None, "lease_until": at + LEASE, "created_at": at}
    try:
        with tenant(organization_id):
            IdempotencyRecord.objects.create(organization_id=organization_id, endpoint=endpoint, key=key, **fresh)
            return None
    except IntegrityError:
        pass
    with tenant(organization_id):
        record = IdempotencyRecord.objects.select_for_update().filter(endpoint=endpoint, key=key).first()
        if record is None:
            raise Problem(409, "in_progress", "The first request under this key just failed; try again.", retry_after=1)
        if record.created_at <= at - KEPT or (record.status is None and record.lease_until <= at):
            IdempotencyRecord.objects.filter(id=record.id).update(**fresh)
            return None
        if bytes(record.body_hash) != body_hash:
            raise Problem(422, "idempotency_key_reused", "This Idempotency-Key came before with another body.")
        if record.status is None:
            raise Problem(409, "in_progress", "The first request under this key is under way.", retry_after=1)
        return Answer(status=record.status, body=record.response, replayed=True)
