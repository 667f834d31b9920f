"""Reads of the wheel: its configuration, its turns, what comes next. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apps.cycles.domain.configuration import Configuration, read_configuration
from apps.cycles.models import Cycle, CycleConfig, Schedule, StageRun
from apps.organizations.models import Application


def configuration_of(
    application: Application, *, version: int | None = None
) -> tuple[CycleConfig | None, Configuration]:
    """Return what was written, the newest version by default, and what it means; None and the defaults if nothing."""
    written = written_configuration(application, version=version)
    return written, read_configuration(written.text) if written else Configuration()


def written_configuration(application: Application, *, version: int | None = None) -> CycleConfig | None:
    """Return a version of what was written, the newest by default."""
    rows = CycleConfig.objects.filter(application=application)
    if version is not None:
        rows = rows.filter(version=version)
    found: CycleConfig | None = rows.order_by("-version").first()
    return found


def find_cycle(cycle_id: str) -> Cycle | None:
    """Return the cycle of this public id with its application."""
    found: Cycle | None = Cycle.objects.select_related("application").filter(public_id=cycle_id).first()
    return found


def newest_cycle(application_id: int) -> Cycle | None:
    """Return an application's cycle of the latest slot."""
    found: Cycle | None = Cycle.objects.filter(application_id=application_id).order_by("-slot").first()
    return found


def stages_of(cycles: Sequence[Cycle]) -> dict[int, dict[str, StageRun]]:
    """Return what each stage of these cycles did, by cycle id and stage; one query."""
    found: dict[int, dict[str, StageRun]] = {cycle.id: {} for cycle in cycles}
    for record in StageRun.objects.filter(cycle_id__in=list(found)):
        found[record.cycle_id][record.stage] = record
    return found


def figures_of(cycle_id: str, stage: str) -> dict[str, Any]:
    """Return the figures a stage of a cycle recorded; empty before it is done."""
    found = StageRun.objects.filter(cycle__public_id=cycle_id, stage=stage).values_list("figures", flat=True).first()
    return found or {}


def list_cycles(*, application_id: int | None, before: int | None, limit: int) -> list[Cycle]:
    """Return a page of cycles, newest first."""
    rows = Cycle.objects.select_related("application")
    if application_id is not None:
        rows = rows.filter(application_id=application_id)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def next_turn(application: Application) -> datetime | None:
    """Return when the schedule starts the next cycle; None for an application without one."""
    rows = Schedule.objects.filter(organization_id=application.organization_id, application_id=application.id)
    return rows.values_list("next_run_at", flat=True).first()
