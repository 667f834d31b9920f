"""The wheel's work, as Celery sees it."""

from celery import shared_task

from apps.cycles.services import erasing, erasing_organizations, scheduling, turning
from apps.platform import clock, work

# A worker gives others a turn after this long.
_TURN_S = 60.0


@shared_task(name="cycles.start_due", time_limit=60)
def start_due() -> None:
    """Start the cycles whose slot has come."""
    scheduling.start_due(at=clock.wall())


def _mark_failed(*, organization_id: int, key: str) -> None:
    turning.mark_failed(organization_id=organization_id, cycle_id=key)


@work.performs("cycles.turn", on_parked=_mark_failed)
def turn(*, organization_id: int, key: str) -> None:
    """Go on with one cycle."""
    turning.go_on(organization_id=organization_id, cycle_id=key)


@work.performs("cycles.erase")
def erase(*, organization_id: int, key: str) -> None:
    """Erase what there is of a person, by their keyed hash."""
    erasing.erase(organization_id=organization_id, person=key)


@work.performs(erasing_organizations.KIND)
def erase_organization(*, organization_id: int, key: str) -> None:
    """Erase a piece of an organization, and ask for the next."""
    if not erasing_organizations.erase_organization(organization_id=organization_id, seconds=_TURN_S):
        work.ask(erasing_organizations.KIND, organization_id=organization_id, key=key)
