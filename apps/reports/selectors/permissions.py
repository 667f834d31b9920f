"""Who may change and approve assumptions."""

from __future__ import annotations

from apps.organizations.models import Membership
from apps.reports.models import FinancePermission

ALWAYS = frozenset({Membership.Role.OWNER, Membership.Role.ADMIN})


def may_edit(membership: Membership) -> bool:
    """Whether a member may: owners and administrators, and whom they let."""
    return membership.role in ALWAYS or FinancePermission.objects.filter(membership=membership).exists()


def allowed(*, organization_id: int) -> set[int]:
    """Return the memberships that were let, by id."""
    rows = FinancePermission.objects.filter(membership__organization_id=organization_id)
    return set(rows.values_list("membership_id", flat=True))
