"""What to do with a live experiment at one tick: the rules of EXPERIMENTS, in their order.

Values in, a ruling out. The order is the safety: nothing is promoted on a broken split, and harm is seen before
success. Missing data neither promotes nor rolls back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.domain.measures import harm
from apps.experiments.domain.plans import GuardrailPlan, Plan
from apps.experiments.domain.statistics import Comparison, SampleRatio

Action = Literal["hold", "roll_back", "wait", "advance", "winner", "loser", "no_winner"]
# More than this share of units seen in two arms says that assignment is not what the logs say it was.
MOST_IN_TWO_ARMS = 0.01
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Compared:
    """One metric of one treatment against control. ``guarded`` is at the level its guardrail role asks for."""

    variant: str
    comparison: Comparison


@dataclass(frozen=True)
class Reading:
    """What a tick sees of the running phase.

    ``units`` are units with analyzed conversations by variant key, control first. ``sample_ratios`` by what was
    counted: exposures, units. ``served_wrong`` counts exposures whose text was not the variant's.
    ``control_moved`` says that the label no longer stands where it stood at the start, ``analyzers_changed`` that
    conversations are no longer judged as they were then. ``guarded[i]`` belongs to the plan's i-th guardrail.
    """

    at: datetime
    started_at: datetime
    step_since: datetime
    step: int
    step_approved: bool
    units: Mapping[str, int]
    sample_ratios: Mapping[str, SampleRatio]
    in_two_arms: int
    served_wrong: int
    control_moved: bool
    analyzers_changed: bool
    primary: Sequence[Compared]
    guarded: Sequence[Sequence[Compared]]
    # By variant, by criterion as written: whether it holds; None where that is unknown.
    criteria: Mapping[str, Mapping[str, bool | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Ruling:
    """What a tick decides: the rule that spoke, the action, the variant it names, why, and what is still needed."""

    rule: str
    action: Action
    reason: str
    variant: str | None = None
    needs: str = ""


def decide(plan: Plan, reading: Reading) -> Ruling:
    """Return the ruling of the first rule that speaks."""
    return (
        _broken(reading)
        or _harmed(plan, reading)
        or (_decide_rollout(plan, reading) if plan.metric is None else _decide_experiment(plan, reading))
    )


def _broken(reading: Reading) -> Ruling | None:
    for counted, ratio in reading.sample_ratios.items():
        if not ratio.ok:
            return Ruling(
                "sample_ratio", "hold",
                f"sample-ratio mismatch in {counted} (p = {ratio.p_value:.1e}): units did not arrive as assigned",
            )  # fmt: skip
    if reading.control_moved:
        return Ruling("control_moved", "hold", "the label was moved while the experiment ran: control is not served")
    if reading.analyzers_changed:
        return Ruling("analyzers", "hold", "an analyzer changed: conversations before and after are judged differently")
    if reading.served_wrong:
        return Ruling(
            "served", "hold", f"{reading.served_wrong} exposures were served another text than their variant's"
        )
    total = sum(reading.units.values())
    if total and reading.in_two_arms > MOST_IN_TWO_ARMS * total:
        share = reading.in_two_arms / total
        return Ruling("two_arms", "hold", f"{share:.1%} of units were seen in two arms")
    return None


def _harmed(plan: Plan, reading: Reading) -> Ruling | None:
    for guardrail, compared in zip(plan.guardrails, reading.guarded, strict=True):
        for each in compared:
            worse = harm(each.comparison, higher_is_better=guardrail.direction == "increase")
            if worse is not None and each.comparison.insufficient is None and worse[0] > guardrail.margin:
                return Ruling(
                    "guardrail", "roll_back",
                    f"{each.variant} harms {_named(guardrail.metric)}: worse by at least "
                    f"{_measured(worse[0], guardrail.metric)}, more than the margin of "
                    f"{_measured(guardrail.margin, guardrail.metric)}",
                    each.variant,
                )  # fmt: skip
    return None


def _decide_rollout(plan: Plan, reading: Reading) -> Ruling:
    held = _held(plan, reading)
    if held is not None:
        return held
    if reading.step + 1 < len(plan.steps):
        return _next_step(plan, reading)
    blocked = _gates(plan, reading, plan.variants[-1].key)
    if blocked is not None:
        return blocked
    return Ruling("steps", "winner", "every step passed without harm", plan.variants[-1].key)


def _decide_experiment(plan: Plan, reading: Reading) -> Ruling:
    until = reading.started_at + timedelta(days=plan.min_days)
    total = sum(reading.units.values())
    if reading.at < until:
        held = _held(plan, reading)
        if held is None and reading.step + 1 < len(plan.steps):
            return _next_step(plan, reading)
        return Ruling("min_days", "wait", "collecting", needs=_needs_days(until - reading.at, plan.min_days))
    wins = [each for each in reading.primary if _wins(plan, each.comparison)]
    blocked: Ruling | None = None
    for each in sorted(wins, key=lambda one: -_gain(plan, one.comparison)):
        blocked = _gates(plan, reading, each.variant)
        if blocked is None:
            return Ruling(
                "primary",
                "winner",
                f"{each.variant} is better on {_named(plan.metric)}: {_words(each.comparison, plan.metric)}",
                each.variant,
            )
    if reading.primary and all(each.comparison.verdict == "control" for each in reading.primary):
        first = reading.primary[0]
        return Ruling(
            "primary",
            "loser",
            f"control is better on {_named(plan.metric)}: {_words(first.comparison, plan.metric)}",
            first.variant,
        )
    if plan.planned_n is not None and total >= plan.planned_n:
        why = blocked.reason if blocked else f"{_named(plan.metric)} is undecided"
        return Ruling("planned_n", "no_winner", f"the planned {plan.planned_n:,} units are reached and {why}")
    held = _held(plan, reading)
    if held is None and reading.step + 1 < len(plan.steps):
        return _next_step(plan, reading)
    return blocked or Ruling("primary", "wait", "collecting", needs=_needs_units(plan, reading, total))


def _wins(plan: Plan, comparison: Comparison) -> bool:
    return comparison.verdict == "treatment" and _gain(plan, comparison) > plan.minimum_worthwhile


def _gain(plan: Plan, comparison: Comparison) -> float:
    """Return the least improvement the interval leaves open (positive: better)."""
    worse = harm(comparison, higher_is_better=plan.direction == "increase")
    return -math.inf if worse is None else -worse[1]


def _gates(plan: Plan, reading: Reading, variant: str) -> Ruling | None:
    """Return what a gate still waits for; None when the variant is non-inferior on each."""
    for guardrail, compared in zip(plan.guardrails, reading.guarded, strict=True):
        if guardrail.role != "gate":
            continue
        mine = next((each.comparison for each in compared if each.variant == variant), None)
        if mine is None or not _is_non_inferior(guardrail, mine):
            return Ruling(
                "gate", "wait", f"the gate {guardrail.metric} does not yet show {variant} within {guardrail.margin:g}",
                needs=f"more units until {guardrail.metric} is shown to be within its margin",
            )  # fmt: skip
    for text in plan.criteria:
        holds = reading.criteria.get(variant, {}).get(text)
        if holds is not True:
            told = "is not known to hold" if holds is None else "does not hold"
            return Ruling(
                "criteria", "wait", f"the success criterion {text} {told} for {variant}", needs=f"{text} to hold"
            )
    return None


def _is_non_inferior(guardrail: GuardrailPlan, comparison: Comparison) -> bool:
    worse = harm(comparison, higher_is_better=guardrail.direction == "increase")
    return worse is not None and comparison.insufficient is None and worse[1] < guardrail.margin


def _held(plan: Plan, reading: Reading) -> Ruling | None:
    """Return what the present step of the ramp still waits for; None when it may be left."""
    if not plan.steps:
        return None
    step = plan.steps[reading.step]
    left = reading.step_since + timedelta(hours=step.min_hours) - reading.at
    if left > timedelta(0):
        return Ruling(
            "step", "wait", f"holding at {step.percent:g} %", needs=f"{_span(left)} more at {step.percent:g} %"
        )
    fewest = min(reading.units.values(), default=0)
    if fewest < step.min_units:
        return Ruling(
            "step", "wait", f"holding at {step.percent:g} %",
            needs=f"{step.min_units - fewest:,} more units in the smaller arm at {step.percent:g} %",
        )  # fmt: skip
    if step.approval and not reading.step_approved:
        return Ruling("step", "wait", f"holding at {step.percent:g} %", needs="a person's approval to leave this step")
    return None


def _next_step(plan: Plan, reading: Reading) -> Ruling:
    following = plan.steps[reading.step + 1]
    return Ruling("step", "advance", f"step passed without harm; on to {following.percent:g} %")


def _needs_days(left: timedelta, min_days: float) -> str:
    return f"{_span(left)} more of the {min_days:g} days every verdict waits for"


def _needs_units(plan: Plan, reading: Reading, total: int) -> str:
    few = next((each.comparison.insufficient for each in reading.primary if each.comparison.insufficient), None)
    if few is not None:
        return few
    if plan.planned_n is None:
        return "more units: no plan says how many"
    missing = plan.planned_n - total
    days = (reading.at - reading.started_at) / timedelta(days=1)
    more = f"{missing:,} more units of the planned {plan.planned_n:,}"
    if total == 0 or days <= 0:
        return more
    return f"{more}: {_span(timedelta(days=missing * days / total))} at this pace"


def _span(left: timedelta) -> str:
    hours = left / timedelta(hours=1)
    if hours < 1:
        return "less than an hour"
    if hours < 48:
        whole = math.ceil(hours)
        return f"{whole} hour{'s' if whole != 1 else ''}"
    return f"{math.ceil(hours / 24)} days"


def _named(metric: str | None) -> str:
    return (metric or "").replace("_", " ")


def _measured(value: float, metric: str | None, sign: str = "") -> str:
    """Write a difference as people say it: of rates in points, of anything else in its own measure."""
    is_rate = metric in REGISTRY and REGISTRY[metric].unit == "fraction"
    text = f"{value * 100:{sign}.1f} points" if is_rate else f"{value:{sign}.4g}"
    return text.replace("-", MINUS, 1)


def _words(comparison: Comparison, metric: str | None) -> str:
    if comparison.interval is None or comparison.difference is None or comparison.p_value is None:
        return "no interval yet"
    low, high = (_measured(bound, metric, "+").removesuffix(" points") for bound in comparison.interval)
    chance = "< 0.0001" if comparison.p_value < 0.0001 else f"= {comparison.p_value:.2g}"
    return f"{_measured(comparison.difference, metric, '+')} [{low}, {high}], p {chance}"
