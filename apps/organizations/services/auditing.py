"""The audit trail: who did what to what, append-only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from django.db.models import Q

from apps.organizations.models import AuditEvent


def record_audit(
    *, organization_id: int, at: datetime, actor: str, action: str, subject: str, **detail: Any
) -> AuditEvent:
    """Append one line to the organization's audit trail."""
    return AuditEvent.objects.create(
        organization_id=organization_id, at=at, actor=actor, action=action, subject=subject, detail=detail
    )


def forget_names(*, organization_id: int, names: Collection[str]) -> None:
    """Take these session ids out of the trail; who did what, and when, stays."""
    rows = AuditEvent.objects.filter(organization_id=organization_id)
    rows.filter(action="verdict.given", subject__in=[name[:200] for name in names]).update(subject="erased")
    # Filters may look for one session by its id.
    filtered = rows.filter(Q(action__startswith="view.") | Q(action="conversations.exported"))
    for row in filtered.iterator(chunk_size=500):
        if any(name in unquote_plus(str(value)) for value in row.detail.values() for name in names):
            row.detail = {key: value for key, value in row.detail.items() if key not in ("query", "q")}
            row.save(update_fields=["detail"])
