"""What changed in production: labels that moved, experiments that began and ended, guardrails in force; one query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, DateTimeField, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value

from apps.evaluations.selectors import Filters
from apps.experiments.models import Decision, Experiment
from apps.improvements.models import Improvement
from apps.library.domain.prompts import PROTECTED_LABEL
from apps.library.domain.standing import Standing
from apps.library.models import GuardrailActivation, LabelAssignment

# Far more than a chart can show. Guardrails come first, since rates are read by them.
_MOST = 1000
_STATE = Experiment.State
# Pausing, holding and waiting change nothing that is served.
_ENDS = (_STATE.PROMOTED, _STATE.ROLLED_BACK, _STATE.LOSER, _STATE.NO_WINNER, _STATE.STOPPED)
_DECIDED = Q(rule="started") | Q(action="advance") | (Q(action__in=_ENDS) & Q(phase__gt=0))
_NO_TEXT, _NO_NUMBER = Value("", CharField()), Value(None, IntegerField())
_NO_TIME = Value(None, DateTimeField())
# The same of each kind of row, in one order: what a union asks for.
_COLUMNS = ("row_kind", "row_at", "row_until", "row_name", "row_number", "row_other", "row_what", "row_rule", "row_id",
            "row_title", "row_of")  # fmt: skip


@dataclass(frozen=True)
class Move:
    """That ``production`` of a prompt came to name a version; ``before``: the one it named until then, if any."""

    at: datetime
    prompt: str
    number: int
    before: int | None


@dataclass(frozen=True)
class Turn:
    """What happened to an experiment or a rollout of a prompt: ``what`` is running, advance, or the state it ended in;
    ``rule`` the one that spoke."""

    at: datetime
    prompt: str
    experiment_id: str
    name: str
    is_rollout: bool
    what: str
    rule: str


@dataclass(frozen=True)
class Changes:
    """What changed, each kind oldest first; ``standings`` also hold guardrails in force since before the period."""

    moves: tuple[Move, ...] = ()
    turns: tuple[Turn, ...] = ()
    standings: tuple[Standing, ...] = ()


def read_changes(filters: Filters) -> Changes:
    """Return what changed in the period of the filters, for their application; of a thousand changes and more, all
    guardrails and the newest of the others. Call inside tenant(...).

    A guardrail belongs to its application, or to all. A prompt is the organization's: for one application it is left
    out where changes of it were proposed for others only.
    """
    rows = _standings(filters).union(_turns(filters), _moves(filters), all=True)
    moves, turns, standings = [], [], []
    found: list[tuple[Any, ...]] = list(rows.order_by("row_kind", "-row_at")[:_MOST])
    for kind, at, until, name, number, other, what, rule, public_id, title, of in reversed(found):
        if kind == "move":
            moves.append(Move(at, name, number, other))
        elif kind == "decision":
            turns.append(Turn(at, name, public_id, title, of == Experiment.Kind.ROLLOUT, what, rule))
        else:
            standings.append(Standing(name, number, other, at, until, what))
    return Changes(tuple(moves), tuple(turns), tuple(standings))


def _standings(filters: Filters) -> QuerySet[Any, Any]:
    rows = GuardrailActivation.objects.filter(at__isnull=False)
    if filters.application_id is not None:
        rows = rows.filter(Q(application_id=filters.application_id) | Q(application_id=None))
    if filters.until is not None:
        rows = rows.filter(at__lt=filters.until)
    if filters.since is not None:
        rows = rows.filter(Q(ended_at=None) | Q(ended_at__gt=filters.since))
    return _row(
        rows, "activation", row_until=F("ended_at"), row_name=F("name"), row_number=F("guardrail__version"),
        row_other=F("application_id"), row_what=F("ended_by"),
    )  # fmt: skip


def _turns(filters: Filters) -> QuerySet[Any, Any]:
    rows = _within(Decision.objects.filter(_DECIDED), filters, "experiment__prompt_id")
    return _row(
        rows, "decision", row_name=F("experiment__prompt__name"), row_what=F("action"), row_rule=F("rule"),
        row_id=F("experiment__public_id"), row_title=F("experiment__name"), row_of=F("experiment__kind"),
    )  # fmt: skip


def _moves(filters: Filters) -> QuerySet[Any, Any]:
    rows = _within(LabelAssignment.objects.filter(label=PROTECTED_LABEL), filters, "prompt_id")
    earlier = LabelAssignment.objects.filter(
        prompt_id=OuterRef("prompt_id"), label=PROTECTED_LABEL, ended_at=OuterRef("at")
    )
    return _row(
        rows, "move", row_name=F("prompt__name"), row_number=F("version__number"),
        row_other=Subquery(earlier.values("version__number")[:1]),
    )  # fmt: skip


def _within(rows: QuerySet[Any], filters: Filters, prompt: str) -> QuerySet[Any]:
    if filters.since is not None:
        rows = rows.filter(at__gte=filters.since)
    if filters.until is not None:
        rows = rows.filter(at__lt=filters.until)
    if filters.application_id is not None:
        proposed = Improvement.objects.filter(prompt_id=OuterRef(prompt))
        rows = rows.filter(~Exists(proposed) | Exists(proposed.filter(application_id=filters.application_id)))
    return rows


def _row(rows: QuerySet[Any], kind: str, **columns: Any) -> QuerySet[Any, Any]:
    told = {
        "row_kind": Value(kind, CharField()), "row_at": F("at"), "row_until": _NO_TIME, "row_name": _NO_TEXT,
        "row_number": _NO_NUMBER, "row_other": _NO_NUMBER, "row_what": _NO_TEXT, "row_rule": _NO_TEXT,
        "row_id": _NO_TEXT, "row_title": _NO_TEXT, "row_of": _NO_TEXT,
    }  # fmt: skip
    found: QuerySet[Any, Any] = rows.annotate(**told | columns).values_list(*_COLUMNS)
    return found
