"""Reports by themselves: each month and quarter has one, however many beats tick."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce

from apps.organizations.models import Organization
from apps.platform import clock
from apps.platform.tenancy import tenant
from apps.reports.domain.periods import last_ended, next_due
from apps.reports.models import Report, ReportSchedule
from apps.reports.services.reporting import ask_once

_KINDS = (Report.Kind.MONTHLY, Report.Kind.QUARTERLY)
_AT_ONCE = 200


def ensure_schedules(*, organization: Organization, at: datetime) -> None:
    """Give the organization its schedules once its ledger has been filled; those it has are left as they are."""
    for kind in _KINDS:
        ReportSchedule.objects.get_or_create(
            organization=organization, kind=kind, defaults={"next_at": next_due(kind, at)}
        )


def start_due(*, at: datetime) -> int:
    """Ask for every report that is due by its organization's own clock; return how many.

    Months missed while nothing ran are one report: the last one's.
    """
    due = ReportSchedule.objects.filter(next_at__lte=Coalesce("organization__clock_at", Value(at)))
    started = 0
    for schedule_id in list(due.order_by("next_at").values_list("id", flat=True)[:_AT_ONCE]):
        with transaction.atomic():
            started += _start(schedule_id)
    return started


def _start(schedule_id: int) -> bool:
    rows = ReportSchedule.objects.select_for_update(skip_locked=True, of=("self",)).select_related("organization")
    schedule = rows.filter(id=schedule_id).first()
    if schedule is None:
        return False
    organization = schedule.organization
    now = clock.now(organization)
    if schedule.next_at > now:
        return False
    with tenant(organization.id):
        ask_once(organization=organization, period=last_ended(schedule.kind, now), at=now, actor="schedule")
    schedule.next_at = next_due(schedule.kind, now)
    schedule.save(update_fields=["next_at"])
    return True
