"""What an experiment would take before it is made: units, days, and the gates it could never pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from apps.experiments.domain.plans import Plan, planned_units, unreachable_gates
from apps.experiments.domain.statistics import detectable_effect, sample_size

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Forecast:
    """Units per arm for one look at a fixed size and for the confidence sequence, and the days each takes.

    ``planned`` counts units over all arms: what the sequence needs, or fewer where there are no more; ``seen`` is then
    the smallest difference that these show (None: not even the largest). Days are None where nothing arrives.
    ``unreachable`` is the arithmetic of each gate that cannot pass by the planned size.
    """

    fixed: int
    sequential: int
    fixed_days: int | None
    sequential_days: int | None
    planned: int
    falls_short: bool
    seen: float | None
    unreachable: tuple[str, ...]


def forecast(
    plan: Plan, *, baseline: float, rates: Mapping[str, float], there_are: int | None, units_a_day: float
) -> Forecast:
    """Return what a plan of a proportion takes at this baseline; ``rates`` are those of its gates.

    Raises ValueError as ``sample_size``: for a baseline or a changed rate outside (0, 1), or an effect of 0.
    """
    size = abs(plan.minimum_detectable_effect or 0.0)
    effect = size if plan.direction == "increase" else -size
    asked = {
        "baseline": baseline, "minimum_detectable_effect": effect, "alpha": plan.alpha_of_each, "power": plan.power
    }  # fmt: skip
    fixed, sequential = sample_size(**asked, method="fixed"), sample_size(**asked, method="sequential")
    arms = len(plan.variants)
    needed = sequential * arms
    planned = planned_units(plan, baseline=baseline, there_are=there_are) or needed
    seen = None
    if planned < needed:
        seen = detectable_effect(
            # A fall from p is as hard to see as a rise from 1 − p.
            baseline=baseline if plan.direction == "increase" else 1 - baseline, n_per_arm=planned // arms,
            alpha=plan.alpha_of_each, power=plan.power, method="sequential",
        )  # fmt: skip
    return Forecast(
        fixed, sequential, _days(fixed * arms, units_a_day), _days(needed, units_a_day), planned, planned < needed,
        seen, tuple(unreachable_gates(replace(plan, planned_n=planned), baselines=rates)),
    )  # fmt: skip


def _days(units: int, units_a_day: float) -> int | None:
    return math.ceil(units / units_a_day) if units_a_day > 0 else None
