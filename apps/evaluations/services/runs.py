"""Evaluation runs: asked for, done shard by shard, cancelled, resumed after any death."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, IntegerField, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.lookups import LessThan

from apps.evaluations.analyzers import VERSIONS
from apps.evaluations.models import ConversationFact, EvaluationRun
from apps.evaluations.services.assessing import SHARD, assess_each, outdated
from apps.ingestion import models as captured
from apps.organizations.models import Application, Organization
from apps.organizations.services import record_audit
from apps.platform import clock, work
from apps.platform.identifiers import new_identifier
from apps.platform.tenancy import tenant

# A worker gives others a turn after this long: a run of millions must not hold up fresh traffic.
_TURN_S = 5.0
_SHARES = 10_000
LIVE = (EvaluationRun.Status.QUEUED, EvaluationRun.Status.RUNNING, EvaluationRun.Status.CANCELLING)


class BadRun(ValueError):
    """What was asked for cannot be run; the message says why."""


def start_run(
    *,
    organization: Organization,
    application: Application,
    at: datetime,
    asked_by: str,
    analyzers: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    sample: float = 1.0,
    only_outdated: bool = False,
) -> EvaluationRun:
    """Ask for a run; it starts when this commits. Call inside tenant(...). Raises BadRun.

    ``analyzers`` default to all; every analyzer looks again in any case, because a conversation's fact needs them all.
    ``since`` is included, ``until`` is not; ``sample`` is a share of the conversations, the same ones every time.
    With ``only_outdated`` it passes over conversations of which today's analyzers have said all there is to say.
    """
    unknown = sorted(set(analyzers) - set(VERSIONS))
    if unknown:
        raise BadRun(f"there is no analyzer {unknown[0]!r}; there are: {', '.join(VERSIONS)}")
    if not 1 / _SHARES <= sample <= 1:
        raise BadRun("`sample` is a share: more than 0, at most 1")
    if since is not None and until is not None and since >= until:
        raise BadRun("`since` must lie before `until`")
    run: EvaluationRun = EvaluationRun.objects.create(
        organization_id=organization.id,
        public_id=new_identifier("r"),
        application=application,
        analyzers=list(analyzers or VERSIONS),
        since=since,
        until=until,
        sample=round(sample * _SHARES),
        only_outdated=only_outdated,
        asked_by=asked_by,
        created_at=at,
    )
    record_audit(
        organization_id=organization.id, at=at, actor=asked_by, action="run.asked", subject=run.public_id,
        application=application.slug,
    )  # fmt: skip
    work.ask("evaluations.run", organization_id=organization.id, key=run.public_id)
    return run


def cancel_run(*, run_id: str, organization_id: int, at: datetime, actor: str) -> EvaluationRun | None:
    """Stop a run after the shard under way; what is done stays. None for an unknown one. Call inside tenant(...)."""
    run: EvaluationRun | None = EvaluationRun.objects.select_for_update().filter(public_id=run_id).first()
    if run is None or run.status not in {EvaluationRun.Status.QUEUED, EvaluationRun.Status.RUNNING}:
        return run
    run.status = EvaluationRun.Status.CANCELLING
    run.save(update_fields=["status"])
    record_audit(organization_id=organization_id, at=at, actor=actor, action="run.cancelled", subject=run_id)
    work.ask("evaluations.run", organization_id=organization_id, key=run_id)
    return run


def go_on(*, organization_id: int, run_id: str) -> None:
    """Do a turn of a run's work, and ask for the next."""
    organization = Organization.objects.get(id=organization_id)
    began = time.monotonic()
    while time.monotonic() - began < _TURN_S:
        with tenant(organization_id):
            if not _step(organization, run_id):
                return
    work.ask("evaluations.run", organization_id=organization_id, key=run_id)


def _step(organization: Organization, run_id: str) -> bool:
    """Do one shard; return whether there is more. The run's row is locked: two workers take turns."""
    run: EvaluationRun | None = EvaluationRun.objects.select_for_update().filter(public_id=run_id).first()
    if run is None or run.status not in LIVE:
        return False
    wall = clock.wall()
    if run.status == EvaluationRun.Status.CANCELLING:
        return _end(run, EvaluationRun.Status.CANCELLED, wall)
    if run.status == EvaluationRun.Status.QUEUED:
        run.status, run.started_at = EvaluationRun.Status.RUNNING, wall
        run.total = _rows(run).count()
    shard = list(_rows(run).filter(id__gt=run.after).order_by("id")[:SHARD])
    if not shard:
        run.summary = _summarize(run)
        return _end(run, EvaluationRun.Status.FINISHED, wall)
    at = clock.now(organization)
    again = outdated(shard, application=run.application, at=at) if run.only_outdated else shard
    failed = assess_each(again, organization=organization, at=at) if again else 0
    run.current += len(shard) - len(again)
    run.after = shard[-1].id
    run.done += len(shard) - failed
    run.failed += failed
    # Conversations captured meanwhile belong to the period too.
    run.total = max(run.total, run.done + run.failed)
    run.save()
    return True


def _end(run: EvaluationRun, status: str, wall: datetime) -> bool:
    run.status, run.finished_at = EvaluationRun.Status(status), wall
    run.save()
    return False


def _rows(run: EvaluationRun) -> QuerySet[captured.Conversation]:
    return captured.Conversation.objects.filter(_asked(run))


def _asked(run: EvaluationRun) -> Q:
    """Return which conversations, or facts of conversations, a run is about: the sample is the same for both."""
    asked = Q(application_id=run.application_id)
    if run.since is not None:
        asked &= Q(started_at__gte=run.since)
    if run.until is not None:
        asked &= Q(started_at__lt=run.until)
    if run.sample < _SHARES:
        share = RawSQL("('x' || left(md5(session_id), 7))::bit(28)::int %% 10000", [], IntegerField())
        asked &= Q(LessThan(share, run.sample))
    return asked


def _summarize(run: EvaluationRun) -> dict[str, int]:
    found: dict[str, int] = ConversationFact.objects.filter(_asked(run)).aggregate(
        attacked=Count("id", filter=Q(attacks__gt=0)),
        leaked=Count("id", filter=Q(attacks_succeeded__gt=0)),
        escalated=Count("id", filter=Q(escalated=True)),
        scored=Count("id", filter=Q(quality_score__isnull=False)),
        upsells=Count("id", filter=Q(upsell="confirmed")),
    )
    return {"conversations": run.done, "current": run.current, "failed": run.failed, **found}
