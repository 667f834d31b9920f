"""What people and commands do to organizations, applications and keys."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.organizations.models import ApiKey, Application, AuditEvent, Organization
from apps.platform import work
from apps.platform.tenancy import tenant

_PREFIX_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def record_audit(
    *, organization_id: int, at: datetime, actor: str, action: str, subject: str, **detail: Any
) -> AuditEvent:
    """Append one line to the organization's audit trail."""
    return AuditEvent.objects.create(
        organization_id=organization_id, at=at, actor=actor, action=action, subject=subject, detail=detail
    )


@transaction.atomic
def ensure_organization(*, slug: str, at: datetime, name: str = "", sandbox: bool = False) -> Organization:
    """Return the organization of this slug, making it if it is missing. An existing one is left as it is."""
    organization, made = Organization.objects.get_or_create(
        slug=slug,
        defaults={
            "name": name or slug.replace("-", " ").capitalize(),
            "sandbox": sandbox,
            "secret": secrets.token_hex(32),
            "created_at": at,
        },
    )
    if made:
        record_audit(organization_id=organization.id, at=at, actor="system", action="organization.made", subject=slug)
    return organization


def ensure_application(*, organization_id: int, slug: str, at: datetime, name: str = "") -> Application:
    """Return the organization's application of this slug, making it if it is missing."""
    with tenant(organization_id):
        application: Application
        application, _ = Application.objects.get_or_create(
            organization_id=organization_id,
            slug=slug,
            defaults={"name": name or slug.replace("-", " ").capitalize(), "created_at": at},
        )
    return application


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
        raise ValueError(f"unknown scope {', '.join(unknown)}" if unknown else "a key needs at least one scope")
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


def save_profile(*, application: Application, profile: dict[str, Any], at: datetime, actor: str) -> None:
    """Replace an application's profile (already checked for shape)."""
    with tenant(application.organization_id):
        Application.objects.filter(id=application.id).update(profile=profile)
    record_audit(
        organization_id=application.organization_id,
        at=at,
        actor=actor,
        action="profile.saved",
        subject=application.slug,
        keys=sorted(profile),
    )


@transaction.atomic
def move_clock(*, organization_id: int, to: datetime, actor: str, at: datetime) -> Organization:
    """Move a sandbox's clock forward. Raises ValueError when it would go back."""
    organization = Organization.objects.select_for_update().get(id=organization_id, sandbox=True)
    if organization.clock_at is not None and to < organization.clock_at:
        raise ValueError(f"the clock stands at {organization.clock_at.isoformat()} and moves only forward")
    organization.clock_at = to
    organization.save(update_fields=["clock_at"])
    record_audit(
        organization_id=organization_id,
        at=at,
        actor=actor,
        action="clock.moved",
        subject=organization.slug,
        to=to.isoformat(),
    )
    with tenant(organization_id):
        for application_id in Application.objects.values_list("id", flat=True):
            work.ask("evaluations.settle", organization_id=organization_id, key=str(application_id))
    return organization
