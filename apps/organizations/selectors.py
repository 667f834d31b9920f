"""Reads of the tables that stand outside row security, and of applications."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from apps.organizations.models import ApiKey, Application, Organization


@dataclass(frozen=True)
class Principal:
    """Who is calling: a key of one organization, perhaps bound to one application."""

    organization: Organization
    key_prefix: str
    scopes: frozenset[str]
    application_id: int | None

    is_authenticated = True

    @property
    def name(self) -> str:
        return f"key {self.key_prefix}"


def find_principal(secret: str, at: datetime) -> Principal | None:
    """Return who holds this key now, or None if it is unknown, wrong, revoked or expired."""
    parts = secret.split("_", 3)
    if len(parts) != 4 or parts[0] != "fw" or len(parts[2]) != 8:
        return None
    key = ApiKey.objects.select_related("organization").filter(prefix=parts[2]).first()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    if key is None or not hmac.compare_digest(key.sha256, digest):
        return None
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= at):
        return None
    return Principal(key.organization, key.prefix, frozenset(key.scopes), key.application_id)


def find_application(slug: str) -> Application | None:
    """Return the current organization's application of this slug. Call inside tenant(...)."""
    return Application.objects.filter(slug=slug).first()


def get_organization(slug: str) -> Organization | None:
    """Return the organization of this slug."""
    return Organization.objects.filter(slug=slug).first()
