"""API keys: made once, shown once, revoked at once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from apps.organizations.models import ApiKey
from apps.organizations.services.auditing import record_audit

_PREFIX_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
# A rotated key keeps working this long, so that clients can be changed one by one.
OVERLAP = timedelta(days=1)


@dataclass(frozen=True)
class NewKey:
    """A key just made. ``secret`` is shown once and kept nowhere."""

    row: ApiKey
    secret: str


@transaction.atomic
def create_key(
    *,
    organization_id: int,
    scopes: list[str],
    at: datetime,
    actor: str,
    application_id: int | None = None,
    name: str = "",
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key ``fw_live_<8 id>_<32 bytes>``. Raises ValueError for an unknown scope or none."""
    unknown = sorted(set(scopes) - set(ApiKey.Scope.values))
    if unknown or not scopes:
        said = f"unknown scope {', '.join(unknown)}" if unknown else "a key needs at least one scope"
        raise ValueError(f"{said}; there are: {', '.join(ApiKey.Scope.values)}")
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(8))
    secret = f"fw_live_{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiKey.objects.create(
        organization_id=organization_id,
        application_id=application_id,
        prefix=prefix,
        sha256=hashlib.sha256(secret.encode()).hexdigest(),
        name=name,
        scopes=sorted(set(scopes)),
        created_at=at,
        expires_at=expires_at,
    )
    record_audit(
        organization_id=organization_id, at=at, actor=actor, action="key.made", subject=str(row), scopes=row.scopes
    )
    return NewKey(row=row, secret=secret)


@transaction.atomic
def revoke_key(*, organization_id: int, prefix: str, at: datetime, actor: str) -> bool:
    """Revoke a key from this moment on; return whether a live one was found."""
    found = ApiKey.objects.filter(organization_id=organization_id, prefix=prefix, revoked_at=None).update(revoked_at=at)
    if found:
        record_audit(organization_id=organization_id, at=at, actor=actor, action="key.revoked", subject=prefix)
    return bool(found)


@transaction.atomic
def rotate_key(*, organization_id: int, prefix: str, at: datetime, actor: str) -> NewKey | None:
    """Make a successor with the same rights; the old key works for one more day. None without such a live key."""
    old = ApiKey.objects.select_for_update().filter(organization_id=organization_id, prefix=prefix).first()
    if old is None or old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= at):
        return None
    new = create_key(
        organization_id=organization_id,
        scopes=old.scopes,
        at=at,
        actor=actor,
        application_id=old.application_id,
        name=old.name,
    )
    old.expires_at = min(old.expires_at or at + OVERLAP, at + OVERLAP)
    old.save(update_fields=["expires_at"])
    record_audit(organization_id=organization_id, at=at, actor=actor, action="key.rotated", subject=prefix)
    return new
