"""Reads of the wheel: its configuration, its turns, what comes next. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from apps.cycles.domain.configuration import Configuration, read_configuration
from apps.cycles.models import Cycle, CycleConfig, Schedule, StageRun
from apps.evaluations.models import ConversationFact
from apps.experiments.models import Experiment, Exposure
from apps.improvements.models import Improvement
from apps.ingestion.models import Batch
from apps.library.models import Prompt
from apps.organizations.models import Application, Membership, Organization
from apps.organizations.selectors import pushing_keys


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


def newest_cycle(application_id: int | None) -> Cycle | None:
    """Return the cycle of the latest slot, of an application or of any; ``next_at`` is when the next one starts."""
    rows = Cycle.objects.all() if application_id is None else Cycle.objects.filter(application_id=application_id)
    following = Schedule.objects.filter(
        organization_id=OuterRef("organization_id"), application_id=OuterRef("application_id")
    )
    found: Cycle | None = rows.annotate(next_at=Subquery(following.values("next_run_at")[:1])).order_by("-slot").first()
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


def compounding(application_id: int, *, limit: int = 12) -> list[dict[str, Any]]:
    """Return what Measure recorded of an application's last turns, oldest first; one query.

    Each is {"cycle", "since", "until", "metrics": {name: {"value", "interval", "n", "unit"}}}.
    """
    rows = StageRun.objects.select_related("cycle").filter(
        cycle__application_id=application_id, stage="measure", status=StageRun.Status.DONE
    )
    return [
        {
            "cycle": each.cycle.public_id, "since": each.cycle.since, "until": each.cycle.until,
            "metrics": each.figures.get("metrics", {}),
        }
        for each in reversed(rows.order_by("-cycle__slot")[:limit])
    ]  # fmt: skip


def list_cycles(*, application_id: int | None, before: int | None, limit: int) -> list[Cycle]:
    """Return a page of cycles, newest first."""
    rows = Cycle.objects.select_related("application")
    if application_id is not None:
        rows = rows.filter(application_id=application_id)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def onboarding_facts(organization_id: int, application_id: int | None = None, *, at: datetime) -> dict[str, bool]:
    """Return what ticks the first weeks (see domain/onboarding.py); one query. ``at`` is wall time: keys expire by it,
    and one for another application than the one named does not count."""
    finished = Cycle.objects.filter(status=Cycle.Status.FINISHED)
    decided = Experiment.objects.exclude(state__in=[Experiment.State.DRAFT, *Experiment.LIVE])
    asked: dict[str, QuerySet[Any]] = {
        "key": pushing_keys(organization_id=organization_id, application_id=application_id, at=at),
        "captured": Batch.objects.all(),
        "analyzed": ConversationFact.objects.all(),
        "profile": Application.objects.exclude(profile={}),
        "configuration": CycleConfig.objects.all(),
        "turned": finished,
        "prompt": Prompt.objects.all(),
        "served": Exposure.objects.all(),
        "approved": Improvement.objects.exclude(
            state__in=[Improvement.State.PROPOSED, Improvement.State.REJECTED]
        ),
        "running": Experiment.objects.exclude(started_at=None),
        "decided": decided,
        "promoted": decided.filter(state=Experiment.State.PROMOTED),
    }  # fmt: skip
    people = Membership.objects.filter(organization_id=organization_id)
    counted = {
        "teammate": (people, 2), "second_application": (Application.objects.all(), 2), "four_turns": (finished, 4),
    }  # fmt: skip
    rows = Organization.objects.filter(id=organization_id).annotate(
        **{f"has_{name}": Exists(rows) for name, rows in asked.items()},
        # The nth row exists: no need to count them all.
        **{f"has_{name}": Exists(rows.order_by("id")[n - 1 : n]) for name, (rows, n) in counted.items()},
    )
    names = (*asked, *counted)
    found = rows.values_list(*(f"has_{name}" for name in names)).get()
    return dict(zip(names, found, strict=True))


def next_turns() -> dict[int, datetime]:
    """Return when each application's wheel turns next, by the application's id, of those with a schedule."""
    return dict(Schedule.objects.values_list("application_id", "next_run_at"))


def next_turn(application: Application) -> datetime | None:
    """Return when the schedule starts the next cycle; None for an application without one."""
    rows = Schedule.objects.filter(organization_id=application.organization_id, application_id=application.id)
    return rows.values_list("next_run_at", flat=True).first()
