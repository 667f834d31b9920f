"""Originals of rejected lines: encrypted, for a week, opened by a re-drive and by nothing else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import zstandard

from apps.ingestion.models import Batch, SealedLines

KEPT_FOR = timedelta(days=7)
Lines = list[tuple[int, bytes]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Lines).decode


class OriginalsGone(LookupError):
    """There are rejected lines, but their originals are no longer kept, or cannot be opened with this server's key."""


def seal(batch: Batch, lines: Sequence[tuple[int, bytes]], *, keep_until: datetime) -> None:
    """Keep these originals of a batch, and no others. Call inside tenant(...)."""
    rows = SealedLines.objects.filter(batch=batch)
    if not lines:
        rows.delete()
        return
    sealed = base64.b64encode(zstandard.compress(_encode(lines))).decode()
    SealedLines.objects.update_or_create(
        organization_id=batch.organization_id, batch=batch, defaults={"sealed": sealed, "keep_until": keep_until}
    )


def unseal(batch: Batch, *, at: datetime) -> tuple[Lines, datetime]:
    """Return a batch's originals and until when they are kept. Raises OriginalsGone. Call inside tenant(...)."""
    row = SealedLines.objects.filter(batch=batch, keep_until__gt=at).first()
    if row is None:
        raise OriginalsGone("the originals of these lines are not kept any more")
    try:
        return _decode(zstandard.decompress(base64.b64decode(row.sealed, validate=True))), row.keep_until
    except (ValueError, zstandard.ZstdError, msgspec.DecodeError) as error:
        raise OriginalsGone("the originals were sealed with another key than this server has") from error
