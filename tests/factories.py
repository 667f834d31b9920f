"""Rows for tests, made the way the product makes them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from apps.organizations import services
from apps.organizations.models import Application, Organization

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
_numbers = itertools.count(1)


def make_organization(slug: str = "", **changes: object) -> Organization:
    """Return a new organization, with changes applied."""
    organization = services.ensure_organization(slug=slug or f"organization-{next(_numbers)}", at=AT)
    for name, value in changes.items():
        setattr(organization, name, value)
    organization.save()
    return organization


def make_application(organization: Organization, slug: str = "support") -> Application:
    """Return the organization's application of this slug."""
    return services.ensure_application(organization_id=organization.id, slug=slug, at=AT)


def make_key(organization: Organization, *scopes: str, application: Application | None = None) -> str:
    """Return the secret of a new key."""
    return services.create_key(
        organization_id=organization.id,
        application_id=application.id if application else None,
        scopes=list(scopes or ("ingest", "read", "admin")),
        at=AT,
        actor="test",
    ).secret
