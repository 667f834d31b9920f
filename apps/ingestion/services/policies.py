"""An organization's policies of capture: what becomes of personal data."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from apps.ingestion.domain.redaction import POLICIES
from apps.organizations.models import Organization
from apps.organizations.services import record_audit


class UnknownPolicy(ValueError):
    """There is no such policy; the message names those there are."""


@transaction.atomic
def set_redaction(*, organization_id: int, policy: str, at: datetime, actor: str) -> bool:
    """Have everything captured from now on redacted by this policy; return whether that is a change, then audited.

    Raises UnknownPolicy.
    """
    if policy not in POLICIES:
        raise UnknownPolicy(f"there is no policy {policy[:40]!r}; there are: {', '.join(POLICIES)}")
    organization = Organization.objects.select_for_update().get(id=organization_id)
    if organization.redaction == policy:
        return False
    before, organization.redaction = organization.redaction, policy
    organization.save(update_fields=["redaction"])
    record_audit(
        organization_id=organization_id, at=at, actor=actor, action="redaction.changed", subject=organization.slug,
        before=before, after=policy,
    )  # fmt: skip
    return True
