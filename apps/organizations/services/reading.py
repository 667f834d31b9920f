"""Who read what: written into the audit trail of organizations that ask for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.organizations.models import AuditEvent, Organization
from apps.organizations.services.auditing import record_audit
from apps.organizations.services.tenants import set_switch

# A page that looks after itself every two seconds, or a client that polls, is one reading, not a thousand lines.
ONCE_EVERY = timedelta(hours=1)
READ, EXPORTED = "conversation.read", "conversations.exported"


def note_reading(*, organization: Organization, conversation_id: int, at: datetime, actor: str, where: str) -> None:
    """Write that somebody reads a conversation: once an hour for each reader and conversation.

    ``where`` is page, copy or api. Two at the same moment may be two lines: that harms nobody.
    """
    if not organization.audit_reads:
        return
    subject = str(conversation_id)
    lately = AuditEvent.objects.filter(
        organization=organization, at__gt=at - ONCE_EVERY, at__lte=at, actor=actor, action=READ, subject=subject
    )
    if not lately.exists():
        record_audit(
            organization_id=organization.id, at=at, actor=actor, action=READ, subject=subject, where=where
        )  # fmt: skip


def note_export(*, organization: Organization, at: datetime, actor: str, filters: dict[str, str]) -> None:
    """Write that somebody takes a list of conversations as a file, and by which filters."""
    if organization.audit_reads:
        record_audit(
            organization_id=organization.id, at=at, actor=actor, action=EXPORTED, subject="csv",
            **{name: value[:200] for name, value in filters.items()},
        )  # fmt: skip


def set_audit_reads(*, organization: Organization, asked: bool, at: datetime, actor: str) -> bool:
    """Say whether reading is written down from now on; return whether that is a change, then audited."""
    return set_switch(
        organization_id=organization.id, name="audit_reads", asked=asked, subject=organization.slug, at=at, actor=actor
    )  # fmt: skip
