"""Reads of the board of improvements: a column by who must act next. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber

from apps.experiments.models import Experiment
from apps.improvements.models import Improvement, ProbeRun
from apps.improvements.selectors import with_subjects
from apps.library.models import Backtest

State = Improvement.State

# The columns, in the order of a life. Each improvement is in the first that fits; what fits none is closed.
_PLACES: dict[str, Q] = {
    "waiting": Q(state=State.PROPOSED, policy=Improvement.Policy.MANUAL_REVIEW)
    | Q(state=State.RUNNING, experiment__state=Experiment.State.AWAITING_APPROVAL),
    "proposed": Q(state=State.PROPOSED),
    "running": Q(state__in=(State.APPROVED, State.RUNNING)),
    "decided": Q(state__in=(State.DEPLOYED, State.WON, State.LOST, State.UNDECIDED, State.ROLLED_BACK)),
}
CLOSED = "closed"
COLUMNS = ("proposed", "waiting", "running", "decided", CLOSED)


@dataclass(frozen=True)
class Wanted:
    """Which improvements; what is empty does not narrow. ``column`` is one of ``COLUMNS``."""

    application_id: int | None = None
    policy: str = ""
    path: str = ""
    state: str = ""
    column: str = ""


def list_wanted(wanted: Wanted, *, before: int | None, limit: int) -> list[Improvement]:
    """Return a page, newest first."""
    rows = with_subjects(_wanted(wanted))
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def first_of_columns(wanted: Wanted, *, each: int) -> dict[str, list[Improvement]]:
    """Return the newest of every column, ``each`` at most; one query."""
    place = Window(RowNumber(), partition_by=F("column"), order_by=F("id").desc())
    found: dict[str, list[Improvement]] = {column: [] for column in COLUMNS}
    for row in with_subjects(_wanted(wanted)).annotate(place=place).filter(place__lte=each).order_by("-id"):
        found[row.column].append(row)  # type: ignore[attr-defined]
    return found


def count_columns(wanted: Wanted) -> dict[str, dict[str, int]]:
    """Return how many there are, by column and state; one query."""
    counts: dict[str, dict[str, int]] = {column: {} for column in COLUMNS}
    rows = _wanted(wanted).values_list("column", "state").annotate(n=Count("id"))  # type: ignore[misc]
    for column, state, n in rows.order_by():
        counts[column][state] = n
    return counts


def newest_backtests(improvements: Sequence[Improvement]) -> dict[int, Backtest]:
    """Return the newest backtest of what each enforces, by the improvement's id; one query."""
    enforcing = [each for each in improvements if each.guardrail_id is not None]
    if not enforcing:
        return {}
    rows = Backtest.objects.filter(guardrail_id__in={each.guardrail_id for each in enforcing})
    newest = {
        (row.guardrail_id, row.application_id): row
        for row in rows.order_by("guardrail_id", "application_id", "-id").distinct("guardrail_id", "application_id")
    }
    found = {each.id: newest.get((each.guardrail_id, each.application_id)) for each in enforcing}
    return {key: row for key, row in found.items() if row is not None}


def newest_runs(improvements: Sequence[Improvement]) -> dict[int, ProbeRun]:
    """Return the newest run of probes of each, by the improvement's id; one query."""
    rows = ProbeRun.objects.filter(improvement__in=improvements).order_by("improvement_id", "-id")
    return {row.improvement_id: row for row in rows.distinct("improvement_id")}


def _wanted(wanted: Wanted) -> QuerySet[Improvement]:
    whens = [When(where, then=Value(column)) for column, where in _PLACES.items()]
    rows = Improvement.objects.annotate(column=Case(*whens, default=Value(CLOSED), output_field=CharField()))
    asked = {name: value for name, value in vars(wanted).items() if value}
    return rows.filter(**asked)  # type: ignore[return-value]
