"""What an experiment is to be: frozen when it starts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from apps.experiments.domain.criteria import BadCriterion, read_criterion
from apps.experiments.domain.measures import MEASURES
from apps.experiments.domain.statistics import sample_size
from apps.experiments.domain.statistics.distributions import normal_quantile

Direction = Literal["increase", "decrease"]
Role = Literal["gate", "harm_only"]
Unit = Literal["user", "conversation", "agent"]
Approval = Literal["none", "one", "two"]

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}")
MOST_VARIANTS = 8
MOST_STEPS = 20
MOST_GUARDRAILS = 12
# A plan made before there is traffic is not made smaller than this.
FEWEST_PLANNED = 400


class BadPlan(ValueError):
    """A plan that cannot be run. ``faults`` lists every one found, each as (field, what is wrong with it)."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {words}" for field, words in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class VariantPlan:
    """A variant: its key, the prompt version it serves, its relative weight."""

    key: str
    version: int
    weight: float = 1.0


@dataclass(frozen=True)
class GuardrailPlan:
    """A metric that must not get worse by more than ``margin`` (in the metric's own unit, a rate as a fraction)."""

    metric: str
    margin: float
    role: Role
    direction: Direction


@dataclass(frozen=True)
class StepPlan:
    """A step of the ramp: the treatment's share of all units in percent, and what must have happened to leave it."""

    percent: float
    min_hours: float = 0.0
    min_units: int = 0
    approval: bool = False


@dataclass(frozen=True)
class Plan:
    """An experiment, or, where ``metric`` is None, a plain rollout: no question asked, steps guarded against harm.

    ``variants`` begin with control. ``planned_n`` counts units over all arms. ``minimum_worthwhile`` is what the lower
    bound of the improvement must exceed. ``layer_share`` is the share of the layer's units this experiment may enrol.
    """

    variants: tuple[VariantPlan, ...]
    unit: Unit = "user"
    metric: str | None = None
    direction: Direction = "increase"
    guardrails: tuple[GuardrailPlan, ...] = ()
    steps: tuple[StepPlan, ...] = ()
    alpha: float = 0.05
    power: float = 0.8
    minimum_detectable_effect: float | None = None
    minimum_worthwhile: float = 0.0
    planned_n: int | None = None
    min_days: float = 7.0
    approval: Approval = "one"
    layer: str = ""
    layer_share: float = 1.0
    # Conditions on the treatment's metrics beside control's, as written: all must hold before it can win.
    criteria: tuple[str, ...] = ()

    @property
    def treatments(self) -> tuple[VariantPlan, ...]:
        """Every variant but control."""
        return self.variants[1:]

    @property
    def alpha_of_each(self) -> float:
        """The level of one treatment's comparison: α divided by their number (Bonferroni)."""
        return self.alpha / len(self.treatments)

    def guarded_alpha(self, guardrail: GuardrailPlan) -> float:
        """The level of the two-sided sequence whose one bound the guardrail reads.

        A gate spends α of its own (all must pass); of harm-only guardrails any one rolls back, so they share α.
        """
        if guardrail.role == "gate":
            return min(0.5, 2 * self.alpha)
        sharing = sum(each.role == "harm_only" for each in self.guardrails) * len(self.treatments)
        return min(0.5, 2 * self.alpha / sharing)


def check_plan(plan: Plan) -> None:
    """Raise BadPlan naming everything in the plan that cannot be run."""
    faults = [*_variants(plan), *_numbers(plan), *_guardrails(plan), *_steps(plan), *_criteria(plan)]
    if plan.metric is not None and plan.metric not in MEASURES:
        faults.append(("metric", f"{plan.metric!r} cannot be measured by unit; one of {', '.join(sorted(MEASURES))}"))
    if plan.metric is None and not plan.steps:
        faults.append(("steps", "a rollout needs at least one step"))
    if faults:
        raise BadPlan(faults)


def _criteria(plan: Plan) -> list[tuple[str, str]]:
    faults = []
    for text in plan.criteria:
        try:
            read_criterion(text)
        except BadCriterion as error:
            faults.append(("criteria", f"{text!r}: {error}"))
    return faults


def _variants(plan: Plan) -> list[tuple[str, str]]:
    faults = []
    if not 2 <= len(plan.variants) <= MOST_VARIANTS:
        faults.append(("variants", f"between 2 and {MOST_VARIANTS}, got {len(plan.variants)}"))
    keys = [variant.key for variant in plan.variants]
    faults += [("variants", f"the key {key!r} is used twice") for key in sorted({k for k in keys if keys.count(k) > 1})]
    for variant in plan.variants:
        if not _KEY.fullmatch(variant.key):
            faults.append(
                ("variants", f"{variant.key!r} is not a key of letters, digits, '_', '.' and '-' (at most 50)")
            )
        if not (math.isfinite(variant.weight) and variant.weight > 0):
            faults.append(("variants", f"the weight of {variant.key} must be above 0"))
    return faults


def _numbers(plan: Plan) -> list[tuple[str, str]]:
    checks = {
        "alpha": 0 < plan.alpha < 0.5,
        "power": plan.alpha < plan.power < 1,
        "planned_n": plan.planned_n is None or 2 <= plan.planned_n <= 10**9,
        "min_days": 0 <= plan.min_days <= 365,
        "minimum_worthwhile": math.isfinite(plan.minimum_worthwhile) and plan.minimum_worthwhile >= 0,
        "minimum_detectable_effect": plan.minimum_detectable_effect is None
        or (math.isfinite(plan.minimum_detectable_effect) and plan.minimum_detectable_effect != 0),
        "layer_share": 0 < plan.layer_share <= 1,
    }
    bounds = {
        "alpha": "between 0 and 0.5", "power": "between alpha and 1", "planned_n": "at least 2 units",
        "min_days": "between 0 and 365", "minimum_worthwhile": "at least 0", "layer_share": "above 0 and at most 1",
        "minimum_detectable_effect": "not 0",
    }  # fmt: skip
    return [(name, f"must be {bounds[name]}, got {getattr(plan, name)!r}") for name, fine in checks.items() if not fine]


def _guardrails(plan: Plan) -> list[tuple[str, str]]:
    faults = []
    if len(plan.guardrails) > MOST_GUARDRAILS:
        faults.append(("guardrails", f"at most {MOST_GUARDRAILS}"))
    for guardrail in plan.guardrails:
        if guardrail.metric not in MEASURES:
            faults.append(("guardrails", f"{guardrail.metric!r} cannot be measured by unit"))
        if not (math.isfinite(guardrail.margin) and guardrail.margin >= 0):
            faults.append(("guardrails", f"the margin of {guardrail.metric} must be at least 0"))
        elif guardrail.role == "gate" and guardrail.margin == 0:
            faults.append(
                ("guardrails", f"the gate {guardrail.metric} needs a margin above 0: nothing is ever proven equal")
            )
    return faults


def _steps(plan: Plan) -> list[tuple[str, str]]:
    faults = []
    if len(plan.steps) > MOST_STEPS:
        faults.append(("steps", f"at most {MOST_STEPS}"))
    if plan.steps and len(plan.variants) != 2:
        faults.append(("steps", "a ramp has one treatment and its control"))
    if plan.steps and len({variant.weight for variant in plan.variants}) > 1:
        faults.append(("steps", "a ramp keeps a control as large as the treatment: leave the weights equal"))
    percents = [step.percent for step in plan.steps]
    if any(not 0 < percent <= 100 for percent in percents) or percents != sorted(set(percents)):
        faults.append(("steps", "percents must rise, above 0 and up to 100"))
    if plan.metric is not None and any(percent > 50 for percent in percents):
        faults.append(("steps", "an experiment ramps to 50 % at most: its control is as large as its treatment"))
    if any(not 0 <= step.min_hours <= 8760 or step.min_units < 0 for step in plan.steps):
        faults.append(("steps", "min_hours must lie between 0 and 8,760 and min_units must not be negative"))
    return faults


def planned_units(plan: Plan, *, baseline: float | None, there_are: int | None = None) -> int | None:
    """Return the units over all arms the plan needs: as stated, else from its smallest effect of interest.

    A proportion without a known baseline is planned at one half, where it needs most. No more are planned than
    ``there_are``: a sequence tuned to units that never come is wide at every look. None where nothing says.
    """
    effect = plan.minimum_detectable_effect
    if plan.planned_n is not None or plan.metric is None or effect is None:
        return plan.planned_n
    if not MEASURES[plan.metric].is_proportion:
        return None
    rate = 0.5 if baseline is None else min(0.999, max(0.001, baseline))
    signed = abs(effect) if plan.direction == "increase" else -abs(effect)
    if not 0 < rate + signed < 1:
        signed = -signed if 0 < rate - signed < 1 else math.copysign(min(rate, 1 - rate) / 2, signed)
    per_arm = sample_size(
        baseline=rate, minimum_detectable_effect=signed, alpha=plan.alpha_of_each, power=plan.power, method="sequential"
    )
    needed = per_arm * len(plan.variants)
    return needed if there_are is None else min(needed, max(FEWEST_PLANNED, there_are))


def unreachable_gates(plan: Plan, *, baselines: Mapping[str, float]) -> list[str]:
    """Return, for each gate that cannot pass by the planned size, the arithmetic that says so.

    A treatment no different from control is shown to be within the margin with the plan's power by
    n = 2·p·(1 − p)·((z_alpha + z_power) / margin)² units an arm. Source: Blackwelder (1982), Proving the null
    hypothesis in clinical trials. Only rates whose baseline is known can be judged.
    """
    if plan.planned_n is None:
        return []
    per_arm = plan.planned_n / len(plan.variants)
    found = []
    for guardrail in plan.guardrails:
        rate = baselines.get(guardrail.metric)
        if guardrail.role != "gate" or rate is None or not MEASURES[guardrail.metric].is_proportion:
            continue
        z = normal_quantile(1 - plan.alpha) + normal_quantile(plan.power)
        needed = math.ceil(2 * rate * (1 - rate) * (z / guardrail.margin) ** 2)
        if needed > per_arm:
            found.append(
                f"{guardrail.metric} at {rate:.1%} needs {needed:,} units an arm to be shown within "
                f"{guardrail.margin:g} (alpha {plan.alpha:g}, power {plan.power:g}); the plan has {per_arm:,.0f}"
            )
    return found


def as_plain(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON-ready values, and see ``from_plain``."""
    found = dict(vars(plan))
    for name in ("variants", "guardrails", "steps"):
        found[name] = [dict(vars(each)) for each in getattr(plan, name)]
    return found


def from_plain(plain: Mapping[str, Any]) -> Plan:
    """Return the plan that ``as_plain`` wrote."""
    return Plan(
        **{
            **plain,
            "variants": tuple(VariantPlan(**each) for each in plain["variants"]),
            "guardrails": tuple(GuardrailPlan(**each) for each in plain["guardrails"]),
            "steps": tuple(StepPlan(**each) for each in plain["steps"]),
            "criteria": tuple(plain.get("criteria", ())),
        }
    )
