"""Reads of experiments and rollouts. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.domain.assignment import Arm, Split, ramp, shares
from apps.experiments.domain.criteria import asks_for_issues, hold, metrics_for
from apps.experiments.domain.deciding import Compared
from apps.experiments.domain.issues import no_new_issues
from apps.experiments.domain.measures import MEASURES, compare_arms
from apps.experiments.domain.plans import Plan, from_plain
from apps.experiments.domain.statistics import Comparison, RatioSummary, SampleRatio, SequentialSampleRatio
from apps.experiments.domain.statistics.cuped import Adjusted, compare_adjusted
from apps.experiments.models import Decision, Experiment, Exposure, Phase, PromotionApproval, Snapshot
from apps.experiments.selectors.earlier import read_earlier
from apps.experiments.selectors.issues import read_issues
from apps.experiments.selectors.measuring import Arms, read_arms

# In arms smaller than this nothing is said of what did not happen.
_FEWEST_OF_ISSUES = 30


def find_experiment(public_id: str, kind: str | None = None) -> Experiment | None:
    """Return the experiment (or rollout) of this id, with its prompt."""
    rows = Experiment.objects.select_related("prompt").filter(public_id=public_id)
    return (rows if kind is None else rows.filter(kind=kind)).first()


def list_experiments(*, before: int | None, limit: int, kind: str | None = None, state: str = "") -> list[Experiment]:
    """Return a page, newest first."""
    rows = Experiment.objects.select_related("prompt")
    if kind is not None:
        rows = rows.filter(kind=kind)
    if state:
        rows = rows.filter(state=state)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def expected_false_promotions(*, at: datetime) -> tuple[float, int]:
    """Return how many promotions of the last 365 days are expected to be of a version that is no better, at most, and
    of how many experiments: each may err with probability alpha, however often it was looked at."""
    rows = Experiment.objects.filter(
        kind=Experiment.Kind.EXPERIMENT, started_at__gt=at - timedelta(days=365), started_at__lte=at
    )
    alphas = [float(plan["alpha"]) for plan in rows.values_list("plan", flat=True)]
    return sum(alphas), len(alphas)


def list_open() -> list[Experiment]:
    """Return what runs or is held or waits, newest first."""
    rows = Experiment.objects.select_related("prompt").filter(state__in=Experiment.LIVE)
    return list(rows.order_by("-id")[:100])


def last_seen(experiments: Sequence[Experiment]) -> dict[int, dict[str, Any]]:
    """Return what the last tick saw of each, by its id: a snapshot's figures; one query. None before the first."""
    rows = Snapshot.objects.filter(phase__experiment__in=experiments).order_by("phase__experiment_id", "-at")
    newest = rows.distinct("phase__experiment_id").values_list("phase__experiment_id", "figures")
    return dict(newest)


def current_phase(experiment: Experiment) -> Phase | None:
    """Return the newest phase; None before the start."""
    return Phase.objects.filter(experiment=experiment).order_by("-number").first()


def decisions_of(experiment: Experiment, *, limit: int = 100) -> list[Decision]:
    """Return what was decided, newest first."""
    return list(Decision.objects.filter(experiment=experiment).order_by("-id")[:limit])


def newest_snapshot(experiment: Experiment) -> Snapshot | None:
    """Return what the last tick saw in the newest phase; None before the first."""
    newest = Phase.objects.filter(experiment=experiment).order_by("-number").values("id")[:1]
    return Snapshot.objects.filter(phase__in=newest).order_by("-at").first()


def approvals_of(experiment: Experiment, phase: int) -> list[PromotionApproval]:
    """Return who approved the promotion in this phase."""
    return list(PromotionApproval.objects.filter(experiment=experiment, phase=phase).order_by("id")[:20])


def plan_of(experiment: Experiment) -> Plan:
    """Return the plan as a value."""
    return from_plain(experiment.plan)


def split_of(experiment: Experiment, phase: Phase) -> Split:
    """Return how the phase divides units at the step it has reached."""
    plan = plan_of(experiment)
    share, among = (1.0, None) if not plan.steps else ramp(plan.steps[experiment.step].percent)
    return Split(
        phase=phase.public_id,
        salt=phase.salt,
        arms=tuple(Arm(variant.key, variant.weight, variant.version) for variant in plan.variants),
        share=share,
        arms_share=among,
        layer=plan.layer,
        slice=(phase.slice_from, phase.slice_to),
    )


class Look:
    """One look at a phase: counts, comparisons, sample ratios. Reads once, when made; ``also`` names more metrics."""

    def __init__(self, experiment: Experiment, phase: Phase, *, at: datetime, also: Sequence[str] = ()) -> None:
        self.experiment, self.phase, self.at = experiment, phase, at
        self.plan, self.split = plan_of(experiment), split_of(experiment, phase)
        self.arms: Arms = read_arms(
            organization_id=experiment.organization_id,
            phase=phase.public_id,
            arms=len(self.plan.variants),
            metrics=[
                *([self.plan.metric] if self.plan.metric else []),
                *(each.metric for each in self.plan.guardrails),
                *metrics_for(self.plan.criteria),
                *also,
            ],
            at=at,
        )
        self.issues = (
            read_issues(self.arms, phase=phase.public_id, began=phase.started_at)
            if asks_for_issues(self.plan.criteria)
            else None
        )
        exposed = Exposure.objects.filter(phase=phase).values("variant", "served_hash").annotate(n=Count("id"))
        self.exposures, self.served = [0] * len(self.plan.variants), {}
        for row in exposed:
            if row["variant"] < len(self.exposures):
                self.exposures[row["variant"]] += row["n"]
                self.served[row["variant"], row["served_hash"]] = row["n"]

    @property
    def moves_units(self) -> bool:
        """Whether the ramp has passed one half, where control units become treatment units by design."""
        return self.split.arms_share is not None

    def sample_ratios(self) -> dict[str, SampleRatio]:
        """Return the sequential check of exposures and of units with analyzed conversations."""
        if self.moves_units:
            return {}
        check = SequentialSampleRatio(shares(self.split))
        return {"exposures": check.look(self.exposures), "units": check.look(self.arms.units)}

    def primary(self) -> list[Compared]:
        """Return the primary metric of each treatment against control."""
        if self.plan.metric is None:
            return []
        return self._compared(self.plan.metric, self.plan.direction == "increase", self.plan.alpha_of_each)

    def adjusted(self) -> dict[str, Adjusted]:
        """Return, by treatment, the primary metric with what units did before taken out (CUPED), where that is known.

        Shown beside the comparison that decides, which stays the one that was planned. One query.
        """
        if self.plan.metric is None or self.plan.unit != "user":
            return {}
        earlier = read_earlier(
            organization_id=self.experiment.organization_id, phase=self.phase.public_id,
            arms=len(self.plan.variants), metric=self.plan.metric, began=self.phase.started_at, at=self.at,
        )  # fmt: skip
        summaries = self.arms.summaries[self.plan.metric]
        found = {
            variant.key: compare_adjusted(
                summaries[0], summaries[place], earlier=(earlier[0], earlier[place]), alpha=self.plan.alpha_of_each,
                planned_n=self.plan.planned_n,
            )
            for place, variant in enumerate(self.plan.treatments, start=1)
        }  # fmt: skip
        return {key: each for key, each in found.items() if each is not None}

    def guarded(self) -> list[list[Compared]]:
        """Return each guardrail's comparisons, at the level its role asks for."""
        return [
            self._compared(each.metric, each.direction == "increase", self.plan.guarded_alpha(each))
            for each in self.plan.guardrails
        ]

    def criteria(self) -> dict[str, dict[str, bool | None]]:
        """Return of each treatment, by key, which success criteria hold; None where that is unknown."""
        if not self.plan.criteria:
            return {}
        control, *treatments = (self._values(place) for place in range(len(self.plan.variants)))
        return {
            variant.key: hold(
                self.plan.criteria, treatment=values, control=control, no_new_issues=self._no_new_issues(place)
            )
            for place, (variant, values) in enumerate(zip(self.plan.treatments, treatments, strict=True), start=1)
        }

    def _no_new_issues(self, place: int) -> bool | None:
        if self.issues is None:
            return None
        return no_new_issues(
            self.issues.arms[0], self.issues.arms[place], alpha=self.plan.alpha_of_each,
            planned_n=self.plan.planned_n, fewest_units=_FEWEST_OF_ISSUES, searched=self.issues.searched,
        )  # fmt: skip

    def _values(self, place: int) -> dict[str, float | None]:
        """Return an arm's metrics; unknown where too few units say something."""
        return {
            metric: arms[place].ratio if arms[place].n >= REGISTRY[metric].minimum_n else None
            for metric, arms in self.arms.summaries.items()
            if metric in REGISTRY
        }

    def _compared(self, metric: str, higher_is_better: bool, alpha: float) -> list[Compared]:
        control, *treatments = self.arms.summaries[metric]
        return [
            Compared(
                variant.key,
                compare_arms(
                    MEASURES[metric], control, arm, alpha=alpha, planned_n=self.plan.planned_n,
                    higher_is_better=higher_is_better,
                ),
            )
            for variant, arm in zip(self.plan.treatments, treatments, strict=True)
        ]  # fmt: skip


def results_of(experiment: Experiment, *, at: datetime, seen: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the results as the API shows them: frozen ones after the decision, else what a look sees now.

    What costs too much for a reader is as the last tick saw it: ``seen`` are its figures, read where not given.
    """
    shown: dict[str, Any]
    if experiment.results is not None:
        shown = experiment.results
    else:
        phase = current_phase(experiment)
        if phase is None:
            shown = _nothing_yet(plan_of(experiment))
        else:
            seen = last_seen([experiment]).get(experiment.id, {}) if seen is None else seen
            shown = show_look(Look(experiment, phase, at=at), _adjusted_of(seen, phase.number))
    return _with_state(experiment, shown)


def results_as_seen(experiment: Experiment, snapshot: Snapshot) -> dict[str, Any]:
    """Return the same without a look, which reads every conversation of the phase: as a tick saw it, which is seconds
    ago while it runs."""
    if experiment.results is not None:
        return _with_state(experiment, experiment.results)
    return _with_state(experiment, {"at": snapshot.at.isoformat(), **snapshot.figures})


def _with_state(experiment: Experiment, shown: dict[str, Any]) -> dict[str, Any]:
    return shown | {
        "id": experiment.public_id,
        "state": experiment.state,
        "reason": experiment.reason,
        "needs": experiment.needs,
        "winner": experiment.winner or None,
    }


def show_look(look: Look, adjusted: Mapping[str, Adjusted]) -> dict[str, Any]:
    """Return a look as JSON-ready results. Differences are treatment − control, rates as fractions.

    ``adjusted`` is what the look, or for a reader the last tick's look, says with the earlier period taken out.
    """
    metric = look.plan.metric
    ratios = look.sample_ratios()
    worst = min(ratios.values(), key=lambda ratio: 1.0 if ratio.p_value is None else ratio.p_value, default=None)
    return {
        "at": look.at.isoformat(),
        "phase": look.phase.number,
        "metric": metric,
        "variants": [
            {
                "key": variant.key,
                "version": variant.version,
                "units": look.arms.units[place],
                "conversations": look.arms.conversations[place],
                "exposures": look.exposures[place],
                "mean": look.arms.summaries[metric][place].ratio if metric else None,
                "n": look.arms.summaries[metric][place].d_sum if metric else None,
            }
            for place, variant in enumerate(look.plan.variants)
        ],
        "comparisons": [
            {"variant": each.variant, **_show(each.comparison), "adjusted": _show_adjusted(adjusted.get(each.variant))}
            for each in look.primary()
        ],
        "sample_ratio": {
            "p_value": worst.p_value if worst else None,
            "ok": all(ratio.ok for ratio in ratios.values()),
            "checked": {name: {"p_value": ratio.p_value, "ok": ratio.ok} for name, ratio in ratios.items()},
            "in_two_arms": 0 if look.moves_units else look.arms.in_two_arms,
        },
        "criteria": [
            {"variant": variant, "criterion": text, "holds": holds}
            for variant, each in look.criteria().items()
            for text, holds in each.items()
        ],
        "security_issues": _show_issues(look),
        "guardrails": [
            {
                "metric": guardrail.metric, "role": guardrail.role, "margin": guardrail.margin,
                "direction": guardrail.direction,
                "means": [_ratio(arm) for arm in look.arms.summaries[guardrail.metric]],
                "comparisons": [{"variant": each.variant, **_show(each.comparison)} for each in compared],
            }
            for guardrail, compared in zip(look.plan.guardrails, look.guarded(), strict=True)
        ],
    }  # fmt: skip


def _show_issues(look: Look) -> dict[str, Any] | None:
    """Return what no_new_security_issues is judged by; None where no criterion reads it."""
    if look.issues is None:
        return None
    control = look.issues.arms[0].new_patterns
    return {
        "searched": look.issues.searched,
        "variants": [
            {
                "variant": variant.key,
                "succeeded": round(arm.succeeded.m_sum),
                "unclear": arm.unclear,
                "conversations": round(arm.succeeded.d_sum),
                "new_patterns": len(arm.new_patterns),
                "new_patterns_control_has_not": len(arm.new_patterns - control),
            }
            for variant, arm in zip(look.plan.variants, look.issues.arms, strict=True)
        ],
    }


def _nothing_yet(plan: Plan) -> dict[str, Any]:
    return {
        "at": None,
        "phase": 0,
        "metric": plan.metric,
        "variants": [
            {
                "key": each.key,
                "version": each.version,
                "units": 0,
                "conversations": 0,
                "exposures": 0,
                "mean": None,
                "n": 0,
            }
            for each in plan.variants
        ],
        "comparisons": [],
        "criteria": [],
        "security_issues": None,
        "sample_ratio": {"p_value": None, "ok": True, "checked": {}, "in_two_arms": 0},
        "guardrails": [],
    }


def _ratio(arm: RatioSummary) -> float | None:
    return arm.ratio


def _adjusted_of(seen: Mapping[str, Any], phase: int) -> dict[str, Adjusted]:
    """Return what a tick of this phase said with the earlier period taken out."""
    if seen.get("phase") != phase:
        return {}
    found = {each["variant"]: each.get("adjusted") for each in seen["comparisons"]}
    return {
        variant: Adjusted(**{**each, "interval": tuple(each["interval"])}) for variant, each in found.items() if each
    }


def _show_adjusted(adjusted: Adjusted | None) -> dict[str, Any] | None:
    return None if adjusted is None else {**vars(adjusted), "interval": list(adjusted.interval)}


def _show(comparison: Comparison) -> dict[str, Any]:
    return {
        "difference": comparison.difference,
        "interval": list(comparison.interval) if comparison.interval else None,
        "p_value": comparison.p_value,
        "lift": comparison.lift,
        "lift_interval": list(comparison.lift_interval) if comparison.lift_interval else None,
        "chance_to_win": comparison.chance_to_win,
        "expected_loss": comparison.expected_loss,
        "verdict": comparison.verdict,
        "method": comparison.method,
        "alpha": comparison.alpha,
        "insufficient": comparison.insufficient,
    }
