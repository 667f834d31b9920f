"""The audit trail: who did what to what, append-only."""

from __future__ import annotations

from collections.abc import Collection
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


def forget_subjects(*, organization_id: int, action: str, subjects: Collection[str]) -> int:
    """Take the names of what was erased out of the trail; who did what, and when, stays. Return in how many lines."""
    named = [subject[:200] for subject in subjects]
    rows = AuditEvent.objects.filter(organization_id=organization_id, action=action, subject__in=named)
    return rows.update(subject="erased")
