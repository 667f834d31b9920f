"""Improvements follow their experiments."""

from __future__ import annotations

from apps.improvements.models import Improvement
from apps.improvements.services import lifecycle
from apps.organizations.models import Organization
from apps.platform import clock, work
from apps.platform.tenancy import tenant


@work.performs("improvements.follow")
def follow(*, organization_id: int, key: str) -> None:
    """Take over an experiment's verdict or take back what harms, or look again later."""
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        row = Improvement.objects.filter(public_id=key).first()
        again = lifecycle.follow(improvement_id=row.id, at=clock.now(organization)) if row is not None else None
        if again is not None:
            work.ask("improvements.follow", organization_id=organization_id, key=key, delay=again)
