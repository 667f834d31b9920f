"""What decided experiments and rollouts did, read from Measure. Call inside tenant(...)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.domain.assignment import ramp
from apps.experiments.domain.measures import MEASURES, compare_arms
from apps.experiments.models import Experiment, Phase
from apps.experiments.selectors.experiments import current_phase, plan_of
from apps.experiments.selectors.measuring import expressions_of, read_arms
from apps.improvements.models import Improvement
from apps.library.models import LabelAssignment, PromptVersion
from apps.organizations.models import Application
from apps.reports.domain.findings import Decided, Finding, exact
from apps.reports.domain.months import next_midnight
from apps.reports.domain.roi.model import Grade
from apps.reports.domain.worth import READ_WHERE_SAID
from apps.reports.selectors.assumptions import in_force

State = Experiment.State
DECIDED = (State.PROMOTED, State.NO_WINNER, State.LOSER, State.ROLLED_BACK, State.STOPPED)
# Read of every change besides what it was tried for, so that a gain in one place is not bought in another unseen.
ALWAYS = ("escalation_rate", "resolution_time", "cost_per_conversation")
_ALPHA = 0.05
EVIDENCE = 12
Interval = tuple[float, float]


def decided_experiments(application: Application, *, at: datetime, limit: int = 500) -> list[Decided]:
    """Return every experiment and rollout that has ended and that the application's conversations took part in."""
    rows = Experiment.objects.select_related("prompt").filter(state__in=DECIDED, started_at__isnull=False)
    always = read_always(application)
    found = []
    for experiment in rows.order_by("id")[:limit]:
        phase = current_phase(experiment)
        if phase is not None and took_part(application, phase):
            found.append(_of_experiment(application, experiment, phase, always, at))
    return found


def read_always(application: Application) -> tuple[str, ...]:
    """Return the metrics that every change is read on, whatever it was tried for."""
    said = {each.key for each in in_force(application)}
    return (*ALWAYS, *(metric for metric, value in READ_WHERE_SAID.items() if value in said))


def took_part(application: Application, phase: Phase) -> bool:
    """Return whether a conversation of the application was in the trial."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM evaluations_factassignment a JOIN evaluations_conversationfact f"
            " USING (organization_id, conversation_id) WHERE a.organization_id = %(organization)s"
            " AND assignment_id >= %(from)s AND assignment_id < %(to)s AND f.application_id = %(application)s)",
            _range(phase) | {"application": application.id},
        )
        ((found,),) = cursor.fetchall()
    return bool(found)


def _of_experiment(
    application: Application, experiment: Experiment, phase: Phase, always: tuple[str, ...], at: datetime
) -> Decided:
    plan = plan_of(experiment)
    arm = _arm(experiment, [variant.key for variant in plan.variants])
    variant = plan.variants[arm]
    metrics = list(dict.fromkeys([*([plan.metric] if plan.metric else []),
                                  *(each.metric for each in plan.guardrails), *always]))  # fmt: skip
    promoted = experiment.state == State.PROMOTED
    ended = experiment.ended_at or at
    improvement = Improvement.objects.filter(experiment=experiment).first()
    holds = next_midnight(ended) if promoted else None
    evidence = _evidence(phase, arm)
    arms = read_arms(
        organization_id=experiment.organization_id, phase=phase.public_id, arms=len(plan.variants), metrics=metrics,
        at=at,
    )  # fmt: skip
    findings = []
    for metric in metrics:
        control, treatment = arms.summaries[metric][0], arms.summaries[metric][arm]
        falls = REGISTRY[metric].direction == "decrease"
        effect, interval = _at_decision(experiment, metric, variant.key) if metric == plan.metric else (None, None)
        if interval is None:
            compared = compare_arms(
                MEASURES[metric], control, treatment, alpha=_ALPHA, planned_n=plan.planned_n,
                higher_is_better=not falls,
            )  # fmt: skip
            if compared.insufficient is None:
                effect, interval = compared.difference, compared.interval
        low, high = interval or (None, None)
        findings.append(
            Finding(
                metric=metric, grade=Grade.RANDOMISED,
                effect=exact(effect) if interval else None, low=exact(low), high=exact(high),
                falls_are_gains=falls, selected=promoted and metric == plan.metric, n=control.n + treatment.n,
                treated=Decimal(round(treatment.d_sum)), reach=_reach(application, experiment, phase, metric, ended),
                evidence=evidence, why="" if interval else "too few units to measure it",
            )
        )  # fmt: skip
    return Decided(
        source_kind=experiment.kind, source_id=experiment.public_id,
        improvement_id=improvement.id if improvement else None, name=experiment.name,
        state=_state(experiment, improvement), scope=f"prompt {experiment.prompt.name}",
        trial=f"{phase.public_id} {variant.key}", decided_at=ended, holds_from=holds,
        held_until=_replaced_at(experiment.prompt_id, experiment.label, variant.version, ended) if promoted else None,
        findings=tuple(findings),
    )  # fmt: skip


def _state(experiment: Experiment, improvement: Improvement | None) -> str:
    if improvement is not None and improvement.state == Improvement.State.RETIRED:
        return str(Improvement.State.RETIRED)
    return str(experiment.state)


def _arm(experiment: Experiment, keys: list[str]) -> int:
    """Return the place of the variant the line is about: the winner, else the first treatment."""
    return keys.index(experiment.winner) if experiment.winner in keys[1:] else 1


def _at_decision(experiment: Experiment, metric: str, variant: str) -> tuple[float | None, Interval | None]:
    results = experiment.results or {}
    if results.get("metric") != metric:
        return None, None
    for each in results.get("comparisons", []):
        if each["variant"] == variant and each["interval"] and each["difference"] is not None:
            return each["difference"], (each["interval"][0], each["interval"][1])
    return None, None


def _replaced_at(prompt_id: int, label: str, version: int, since: datetime) -> datetime | None:
    """Return when the label came to name a version that was not written from this one; None: it has not."""
    parents = dict(PromptVersion.objects.filter(prompt_id=prompt_id).values_list("number", "parent"))
    later = LabelAssignment.objects.filter(prompt_id=prompt_id, label=label, at__gt=since).order_by("at", "id")
    for number, at in later.values_list("version__number", "at"):
        written_from: int | None = number
        while written_from is not None and written_from > version:
            written_from = parents.get(written_from)
        if written_from != version:
            moment: datetime = at
            return moment
    return None


def _reach(application: Application, experiment: Experiment, phase: Phase, metric: str, ended: datetime) -> Decimal:
    """Return which share of what the metric counts in the application the prompt serves.

    Of the last step's conversations, those that belong to the trial, over the share of units that step enrolled.
    """
    _, bottom = expressions_of(metric)
    steps = experiment.plan["steps"]
    enrolled = 1.0 if not steps else ramp(steps[experiment.step]["percent"])[0]
    enrolled *= phase.slice_to - phase.slice_from
    since = experiment.step_since or phase.started_at
    if ended - since < timedelta(days=1):
        # Too short to count: over the whole trial fewer were enrolled, so the reach comes out too small, never too big.
        since = phase.started_at
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(sum(({bottom})::float8), 0), coalesce(sum(({bottom})::float8) FILTER (WHERE EXISTS ("  # noqa: S608
            " SELECT 1 FROM evaluations_factassignment a WHERE a.organization_id = f.organization_id"
            " AND a.conversation_id = f.conversation_id"
            " AND assignment_id >= %(from)s AND assignment_id < %(to)s)), 0)"
            " FROM evaluations_conversationfact f WHERE f.organization_id = %(organization)s"
            " AND f.application_id = %(application)s AND f.started_at >= %(since)s AND f.started_at < %(until)s",
            _range(phase) | {"application": application.id, "since": since, "until": ended},
        )
        ((every, enrolled_n),) = cursor.fetchall()
    if not every or not enrolled:
        return Decimal(0)
    return Decimal(str(round(min(1.0, enrolled_n / every / enrolled), 4)))


def _evidence(phase: Phase, arm: int) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conversation_id FROM evaluations_factassignment WHERE organization_id = %(organization)s"
            " AND assignment_id >= %(from)s AND assignment_id < %(to)s ORDER BY conversation_id LIMIT %(limit)s",
            {"organization": phase.organization_id, "from": f"{phase.public_id}.{arm}.",
             "to": f"{phase.public_id}.{arm}/", "limit": EVIDENCE},
        )  # fmt: skip
        return tuple(row[0] for row in cursor.fetchall())


def _range(phase: Phase) -> dict[str, int | str | datetime]:
    return {"organization": phase.organization_id, "from": f"{phase.public_id}.", "to": f"{phase.public_id}/"}
