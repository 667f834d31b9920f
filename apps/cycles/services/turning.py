"""Cycles: started once a slot, turned stage by stage, resumed after any death."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from apps.cycles.domain.configuration import Configuration
from apps.cycles.domain.schedules import last_slot
from apps.cycles.loop import Stage, turn_wheel
from apps.cycles.models import Cycle, StageRun
from apps.cycles.selectors import configuration_of, newest_cycle
from apps.cycles.stages.values import Turn, Waits
from apps.ingestion import selectors as captured
from apps.organizations.models import Application, Organization
from apps.organizations.services import record_audit
from apps.platform import clock, outbox, work
from apps.platform.identifiers import new_identifier
from apps.platform.tenancy import tenant

# How soon a stage that waits for other work is looked at again.
_PATIENCE = timedelta(seconds=1)
# A cycle looks back to where the last ended, but never further. The first one looks at what was there before it: one
# period of its schedule, or so much of the newest that was captured.
_FURTHEST = timedelta(days=31)
_LONGEST = timedelta(days=366)


class BadPeriod(ValueError):
    """No cycle can have this period."""


def start_cycle(
    *,
    organization: Organization,
    application: Application,
    at: datetime,
    slot: datetime,
    started_by: str,
    since: datetime | None = None,
) -> Cycle:
    """Start the cycle of a slot over what was captured until then; the one it has, if it has one. Inside tenant(...).

    ``since`` defaults to the end of the application's last cycle; the first cycle looks at what was captured before it.
    Raises BadPeriod for one that does not lie in the year before the slot.
    """
    if since is not None and not timedelta() < slot - since <= _LONGEST:
        raise BadPeriod("A period begins in the past, at most 366 days ago.")
    written, configuration = configuration_of(application)
    cycle, made = Cycle.objects.get_or_create(
        organization_id=organization.id,
        application=application,
        slot=slot,
        defaults={
            "public_id": new_identifier("c"),
            "since": since or _since(application, organization, configuration, slot),
            "until": slot,
            "config_version": written.version if written else 0,
            "started_by": started_by,
            "started_at": at,
        },
    )
    if made:
        record_audit(
            organization_id=organization.id, at=at, actor=started_by, action="cycle.started", subject=cycle.public_id,
            application=application.slug, slot=slot.isoformat(),
        )  # fmt: skip
        work.ask("cycles.turn", organization_id=organization.id, key=cycle.public_id)
    found: Cycle = cycle
    return found


def _since(
    application: Application, organization: Organization, configuration: Configuration, slot: datetime
) -> datetime:
    last = newest_cycle(application.id)
    if last is not None and last.until < slot:
        return max(last.until, slot - _FURTHEST)
    period = last_slot(configuration.cron, organization.zone, slot - timedelta(seconds=1))
    first = None if last else captured.first_start(application_id=application.id, within=_FURTHEST)
    return period if first is None else min(period, first)


def go_on(*, organization_id: int, cycle_id: str) -> None:
    """Turn the wheel as far as it goes now; ask for the rest."""
    organization = Organization.objects.get(id=organization_id)
    if turn_wheel(partial(_perform, organization, cycle_id)):
        with tenant(organization_id):
            _end(organization, cycle_id, Cycle.Status.FINISHED)
    else:
        work.ask("cycles.turn", organization_id=organization_id, key=cycle_id, delay=_PATIENCE)


def mark_failed(*, organization_id: int, cycle_id: str) -> None:
    """Say that a stage failed for good, where people look; a person may have it tried again."""
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        _end(organization, cycle_id, Cycle.Status.FAILED)


def retry_cycle(*, organization_id: int, cycle_id: str, at: datetime, actor: str) -> bool:
    """Have a failed cycle's stage tried again; return whether it had failed. Call inside tenant(...)."""
    failed = Cycle.objects.filter(public_id=cycle_id, status=Cycle.Status.FAILED)
    if not failed.update(status=Cycle.Status.RUNNING, finished_at=None):
        return False
    record_audit(organization_id=organization_id, at=at, actor=actor, action="cycle.retried", subject=cycle_id)
    if not work.retry_parked(organization_id=organization_id, kind="cycles.turn", key=cycle_id):
        work.ask("cycles.turn", organization_id=organization_id, key=cycle_id)
    return True


def _end(organization: Organization, cycle_id: str, status: Cycle.Status) -> None:
    at = clock.now(organization)
    running = Cycle.objects.filter(public_id=cycle_id, status=Cycle.Status.RUNNING)
    if not running.update(status=status, finished_at=at):
        return
    cycle = Cycle.objects.select_related("application").get(public_id=cycle_id)
    done = StageRun.objects.filter(cycle=cycle, status=StageRun.Status.DONE).order_by("id").values_list("stage", "did")
    stages = dict(done)
    if status == Cycle.Status.FINISHED:
        kind, key, told = "cycle.finished", cycle_id, f"has turned: {stages.get('insights', 'every stage is done')}"
    else:
        # One that a person has tried again may fail again.
        kind, key, told = "cycle.failed", f"{cycle_id} {at.isoformat()}", "stands still: a stage failed"
    outbox.emit(
        kind, key=key, at=at, summary=f"The wheel of {cycle.application.name} {told}", path=f"/cycles/{cycle_id}/",
        payload={
            "cycle": cycle_id, "application": cycle.application.slug, "since": cycle.since.isoformat(),
            "until": cycle.until.isoformat(), "stages": stages,
        },
    )  # fmt: skip


def _perform(organization: Organization, cycle_id: str, name: str, stage: Stage) -> bool:
    """Do one stage and record it, together or not at all; return whether it is done."""
    try:
        with tenant(organization.id):
            cycle = Cycle.objects.select_for_update(of=("self",)).select_related("application").get(public_id=cycle_id)
            record = _open(cycle, name)
            if record.status == StageRun.Status.DONE:
                return True
            outcome = stage(_turn(organization, cycle, record))
            if isinstance(outcome, Waits):
                record.status, record.waits_for, record.notes = _WAITING, outcome.waits_for, _plain(outcome.notes)
            else:
                record.status, record.waits_for, record.did = StageRun.Status.DONE, "", outcome.text
                record.figures, record.unexpected = _plain(outcome.figures), list(outcome.unexpected)
                record.finished_at = clock.wall()
            record.save()
            return record.status == StageRun.Status.DONE
    except Exception as error:
        _note_failure(organization, cycle_id, name, error)
        raise


def _open(cycle: Cycle, name: str) -> StageRun:
    record: StageRun
    record, _ = StageRun.objects.get_or_create(
        organization_id=cycle.organization_id,
        cycle=cycle,
        stage=name,
        defaults={"status": _WAITING, "started_at": clock.wall()},
    )
    return record


def _turn(organization: Organization, cycle: Cycle, record: StageRun) -> Turn:
    _, configuration = configuration_of(cycle.application, version=cycle.config_version)
    return Turn(
        cycle_id=cycle.public_id,
        organization=organization,
        application=cycle.application,
        since=cycle.since,
        until=cycle.until,
        configuration=configuration,
        at=clock.now(organization),
        notes=record.notes,
    )


def _note_failure(organization: Organization, cycle_id: str, name: str, error: Exception) -> None:
    """Record the attempt after its effects were rolled back. The exception's words may quote a log: its type does."""
    with tenant(organization.id):
        cycle = Cycle.objects.get(public_id=cycle_id)
        record = _open(cycle, name)
        record.status, record.attempts = StageRun.Status.FAILED, record.attempts + 1
        record.waits_for = f"{type(error).__name__} on attempt {record.attempts}; it is tried again, see the log"
        record.save()


def _plain(values: Any) -> Any:
    return msgspec.to_builtins(values, enc_hook=str)


_WAITING = StageRun.Status.WAITING
