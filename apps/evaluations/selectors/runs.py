"""Reads of evaluation runs."""

from __future__ import annotations

from datetime import datetime

from apps.evaluations.models import EvaluationRun


def find_run(run_id: str) -> EvaluationRun | None:
    """Return the run of this public id. Call inside tenant(...)."""
    run: EvaluationRun | None = EvaluationRun.objects.select_related("application").filter(public_id=run_id).first()
    return run


def list_runs(*, application_id: int | None, before: int | None, limit: int, status: str = "") -> list[EvaluationRun]:
    """Return a page of runs, newest first. Call inside tenant(...)."""
    rows = EvaluationRun.objects.select_related("application")
    if application_id is not None:
        rows = rows.filter(application_id=application_id)
    if status:
        rows = rows.filter(status=status)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def eta_seconds(run: EvaluationRun, now: datetime) -> float | None:
    """Return how long the rest takes at the pace so far; None before anything is done and after the end."""
    done = run.done + run.failed
    if run.status != EvaluationRun.Status.RUNNING or run.started_at is None or not done:
        return None
    return (now - run.started_at).total_seconds() * max(0, run.total - done) / done
