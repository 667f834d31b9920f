"""The wheel's work, as Celery sees it."""

from celery import shared_task

from apps.cycles.services import scheduling, turning
from apps.platform import clock, work


@shared_task(name="cycles.start_due", time_limit=60)
def start_due() -> None:
    """Start the cycles whose slot has come."""
    scheduling.start_due(at=clock.wall())


@shared_task(name="cycles.turn", time_limit=600)
def turn(*, organization_id: int, key: str) -> None:
    """Go on with one cycle."""
    work.perform(
        "cycles.turn",
        organization_id=organization_id,
        key=key,
        work=lambda: turning.go_on(organization_id=organization_id, cycle_id=key),
        on_parked=lambda: turning.mark_failed(organization_id=organization_id, cycle_id=key),
    )
