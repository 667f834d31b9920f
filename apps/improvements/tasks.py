"""Improvements follow their experiments."""

from __future__ import annotations

from apps.improvements.models import Improvement
from apps.improvements.services import answering, drafting, lifecycle
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


def give_up(*, organization_id: int, key: str) -> None:
    """End a run whose work is parked."""
    answering.give_up(organization_id=organization_id, run_id=key)


@work.performs("improvements.probe", time_limit=900, on_parked=give_up)
def probe(*, organization_id: int, key: str) -> None:
    """Have a run's probes answered, or go on with them later."""
    again = answering.go_on(organization_id=organization_id, run_id=key)
    if again is not None:
        work.ask("improvements.probe", organization_id=organization_id, key=key, delay=again - clock.wall())


@work.performs("improvements.draft", time_limit=400)
def draft(*, organization_id: int, key: str) -> None:
    """Have a model draft another change for what a proposal found."""
    drafting.draft(organization_id=organization_id, improvement_id=key)
