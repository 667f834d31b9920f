"""Finance: who may change and approve assumptions, besides owners and administrators."""

from __future__ import annotations

from datetime import datetime

from apps.organizations.models import Membership
from apps.organizations.services import NoSuchMember, record_audit
from apps.reports.models import FinancePermission


def let(*, organization_id: int, member_id: int, at: datetime, actor: str) -> None:
    """Let a member change assumptions. Repeating it changes nothing. Raises NoSuchMember."""
    membership = _member(organization_id, member_id)
    _, made = FinancePermission.objects.get_or_create(
        membership=membership, defaults={"granted_by": actor, "granted_at": at}
    )
    if made:
        _record(organization_id, membership, at, actor, "finance.let")


def stop(*, organization_id: int, member_id: int, at: datetime, actor: str) -> None:
    """Let a member change assumptions no longer. Raises NoSuchMember."""
    membership = _member(organization_id, member_id)
    if FinancePermission.objects.filter(membership=membership).delete()[0]:
        _record(organization_id, membership, at, actor, "finance.stopped")


def _member(organization_id: int, member_id: int) -> Membership:
    rows = Membership.objects.select_related("user").filter(organization_id=organization_id, id=member_id)
    found: Membership | None = rows.first()
    if found is None:
        raise NoSuchMember("There is no such member.")
    return found


def _record(organization_id: int, membership: Membership, at: datetime, actor: str, action: str) -> None:
    record_audit(organization_id=organization_id, at=at, actor=actor, action=action, subject=str(membership.user.email))
