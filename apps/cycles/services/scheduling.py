"""The schedule: each slot starts one cycle, however many beats tick and however often one dies."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce

from apps.cycles.domain.schedules import last_slot, next_slot
from apps.cycles.models import Schedule
from apps.cycles.services.turning import start_cycle
from apps.platform import clock
from apps.platform.tenancy import tenant

_AT_ONCE = 200


def start_due(*, at: datetime) -> int:
    """Start the cycles whose slot has come, by each organization's own clock; return how many.

    A schedule's row is locked while its slot is taken, and a slot has one cycle: two ticks at once start it once.
    Slots missed while nothing ran are one cycle: the newest, over the whole time since the last.
    """
    started = 0
    for schedule_id in _due(at):
        with transaction.atomic():
            started += _start(schedule_id, at)
    return started


def _due(at: datetime) -> list[int]:
    # Only a sandbox has a clock of its own, which may stand anywhere.
    due = Schedule.objects.filter(next_run_at__lte=Coalesce("organization__clock_at", Value(at)))
    return list(due.order_by("next_run_at").values_list("id", flat=True)[:_AT_ONCE])


def _start(schedule_id: int, at: datetime) -> bool:
    schedule = (
        Schedule.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("organization")
        .filter(id=schedule_id)
        .first()
    )
    if schedule is None:
        return False
    organization = schedule.organization
    now = clock.now(organization)
    if schedule.next_run_at > now:
        return False
    slot = last_slot(schedule.cron, schedule.zone, now)
    with tenant(organization.id):
        start_cycle(
            organization=organization, application=schedule.application, at=now, slot=slot, started_by="schedule"
        )
    schedule.next_run_at = next_slot(schedule.cron, schedule.zone, now)
    schedule.save(update_fields=["next_run_at"])
    return True
