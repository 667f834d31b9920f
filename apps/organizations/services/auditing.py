"""The audit trail: who did what to what, append-only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apps.organizations.models import AuditEvent


def record_audit(
    *, organization_id: int, at: datetime, actor: str, action: str, subject: str, **detail: Any
) -> AuditEvent:
    """Append one line to the organization's audit trail."""
    return AuditEvent.objects.create(
        organization_id=organization_id, at=at, actor=actor, action=action, subject=subject, detail=detail
    )
