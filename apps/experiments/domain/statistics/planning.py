"""How many units a verdict needs, and what a number of units can see."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

from apps.experiments.domain.statistics import sequential
from apps.experiments.domain.statistics.distributions import normal_above, normal_quantile

Method = Literal["fixed", "sequential"]
# Looks taken on the way to the planned size when a sequence's power is computed; more change it by under 1 %.
LOOKS = 100


def sample_size(
    *, baseline: float, minimum_detectable_effect: float, alpha: float, power: float, method: Method = "fixed"
) -> int:
    """Return the units per arm that see ``baseline`` → ``baseline + minimum_detectable_effect`` with this power.

    Fixed: two-sided test of two proportions on the arcsine scale (Cohen 1988, chapter 6). Sequential: the confidence
    sequence tuned to this very size and looked at along the way, by the integral equation of
    ``crossing_probability``. Raises ValueError for rates, alpha or power outside (0, 1), and for an effect of 0.
    """
    changed = baseline + minimum_detectable_effect
    for name, value in {"baseline": baseline, "baseline + effect": changed, "alpha": alpha, "power": power}.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value:g}")
    if minimum_detectable_effect == 0:
        raise ValueError("an effect of 0 cannot be detected")
    if power <= alpha:
        raise ValueError(f"power {power:g} must exceed alpha {alpha:g}")
    if method == "fixed":
        distance = 2 * (math.asin(math.sqrt(changed)) - math.asin(math.sqrt(baseline)))
        z = normal_quantile(1 - alpha / 2) + normal_quantile(power)
        return math.ceil(2 * (z / distance) ** 2)
    drift = _drift_for(alpha, power)
    variance = baseline * (1 - baseline) + changed * (1 - changed)
    return math.ceil(variance * (drift / minimum_detectable_effect) ** 2)


def detectable_effect(
    *, baseline: float, n_per_arm: int, alpha: float, power: float, method: Method = "fixed"
) -> float | None:
    """Return the smallest increase these units see with this power; None when even the largest possible is not seen.

    Raises ValueError as ``sample_size``, and for fewer than 2 units per arm.
    """
    if n_per_arm < 2:
        raise ValueError(f"n_per_arm must be at least 2, got {n_per_arm}")

    def needed(effect: float) -> int:
        return sample_size(baseline=baseline, minimum_detectable_effect=effect, alpha=alpha, power=power, method=method)

    low, high = 1e-9, 1 - baseline - 1e-9
    if needed(high) > n_per_arm:
        return None
    # Needed size falls as the effect grows, so halving finds the edge; 60 halvings end below 1e-15.
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if needed(middle) <= n_per_arm else (middle, high)
    return high


@lru_cache(maxsize=64)
def _drift_for(alpha: float, power: float) -> float:
    """Return the expected z at the planned size for which the sequence decides by then with this power."""
    low, high = 0.0, 20.0
    # The chance rises with the drift; 24 halvings end below 2e-6.
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if crossing_probability(middle, alpha=alpha) < power else (low, middle)
    return high


def crossing_probability(drift: float, *, alpha: float, looks: int = LOOKS) -> float:
    """Return the probability that the sequence has excluded 0, on the right side, by its planned size.

    ``drift`` is the expected z there. The score is a Brownian motion on (0, 1]: to stand above the boundary at a time
    it must have crossed before, which gives the chance of a first crossing in each step in turn.

    Source: Fortet (1943), Les fonctions aléatoires du type de Markoff; discretized as Durbin (1971).
    """
    rho = sequential.tuning(alpha=alpha, planned_n=looks)
    times = [look / looks for look in range(1, looks + 1)]
    # On this scale the score has variance `time`, and the boundary is √time standard errors' worth of half width.
    bounds = [
        sequential.half_width(standard_error=math.sqrt(time), n=look, rho=rho, alpha=alpha)
        for look, time in enumerate(times, start=1)
    ]
    crossed: list[float] = []
    for at, (time, bound) in enumerate(zip(times, bounds, strict=True)):
        above = normal_above((bound - drift * time) / math.sqrt(time))
        for earlier in range(at):
            passed = time - times[earlier]
            distance = bound - bounds[earlier] - drift * passed
            above -= crossed[earlier] * normal_above(distance / math.sqrt(passed))
        # A path on the boundary now is above it with chance one half.
        crossed.append(max(0.0, 2 * above))
    return min(1.0, math.fsum(crossed))
