"""Two arms compared: difference, interval, p-value, lift, chance to win, verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from apps.experiments.domain.statistics import chance, intervals, sequential
from apps.experiments.domain.statistics.distributions import normal_quantile
from apps.experiments.domain.statistics.summaries import Summary

Metric = Literal["proportion", "mean"]
Method = Literal["sequential", "fixed"]
Verdict = Literal["treatment", "control", "continue"]

# No sequential verdict before each arm has this many units: the sequence is valid asymptotically, not at five.
MINIMUM_N = 30
# A proportion needs events, and an arm without a single failure as well; skewed means need more values than rates do.
MINIMUM_EVENTS = 5
MINIMUM_N_OF_MEANS = 100
# Without a plan the sequence is tuned to this total; any value is valid, this one suits a week or two of traffic.
DEFAULT_PLANNED_N = 10_000


@dataclass(frozen=True)
class Comparison:
    """Treatment − control, as fractions (or in the metric's unit).

    ``interval`` holds with probability 1 − alpha: at every look if ``method`` is sequential, at the one planned look if
    fixed. ``lift`` and its interval are relative to control and None where control's mean is not positive.
    ``chance_to_win`` and ``expected_loss`` (of choosing treatment) are information, never a reason to stop.
    ``p_value`` is at most alpha exactly when a sequential interval excludes 0. ``insufficient`` says why there is no
    verdict yet, else None. With fewer than two units in an arm every figure of inference is None.
    """

    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    lift: float | None
    lift_interval: tuple[float, float] | None
    chance_to_win: float | None
    expected_loss: float | None
    verdict: Verdict
    method: Method
    alpha: float
    insufficient: str | None = None


def compare(
    control: Summary,
    treatment: Summary,
    *,
    metric: Metric,
    alpha: float = 0.05,
    planned_n: int | None = None,
    method: Method = "sequential",
    higher_is_better: bool = True,
) -> Comparison:
    """Compare two arms whose units are independent. For metrics of clustered units use ``compare_ratio``.

    ``planned_n`` is the total over both arms at which the sequence is tightest (default 10,000). The verdict names the
    better arm, or ``continue``. Raises ValueError for an alpha outside (0, 1), a planned_n below 2, or a proportion
    whose values were not all 0 or 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    if planned_n is not None and planned_n < 2:
        raise ValueError(f"planned_n must be at least 2, got {planned_n}")
    is_proportion = metric == "proportion"
    if is_proportion and not (control.is_proportion and treatment.is_proportion):
        raise ValueError("a proportion is made of zeros and ones: its sum must equal its sum of squares")
    if min(control.n, treatment.n) < 2:
        difference = treatment.mean - control.mean if control.n and treatment.n else None
        few = "each arm needs at least 2 units"
        return Comparison(difference, None, None, None, None, None, None, "continue", method, alpha, few)
    if method == "fixed":
        look = (intervals.look_at_proportions if is_proportion else intervals.look_at_means)(
            control, treatment, alpha=alpha
        )
        interval, p_value = look.interval, look.p_value
        multiple = normal_quantile(1 - alpha / 2)
        insufficient = None
    else:
        interval, p_value, multiple = _always_valid(
            control, treatment, is_proportion=is_proportion, alpha=alpha, planned_n=planned_n or DEFAULT_PLANNED_N
        )
        insufficient = _insufficient(control, treatment, is_proportion=is_proportion)
    difference = treatment.mean - control.mean
    better = difference > 0 if higher_is_better else difference < 0
    decided = p_value <= alpha and insufficient is None
    posterior = (chance.of_proportions if is_proportion else chance.of_means)(
        control, treatment, higher_is_better=higher_is_better
    )
    return Comparison(
        difference=difference,
        interval=interval,
        p_value=p_value,
        lift=treatment.mean / control.mean - 1 if control.mean > 0 else None,
        lift_interval=intervals.lift_interval(control, treatment, z=multiple, is_proportion=is_proportion),
        chance_to_win=posterior.chance,
        expected_loss=posterior.loss,
        verdict=("treatment" if better else "control") if decided else "continue",
        method=method,
        alpha=alpha,
        insufficient=insufficient,
    )


def standard_error(control: Summary, treatment: Summary, *, is_proportion: bool) -> float:
    """Return the standard error of the difference as the sequence uses it.

    One success and one failure are added to each arm of a proportion, in the variance only: an arm that has not failed
    yet must not look certain (on tiny counts the bare sequence is wrong in 21 to 70 % of cases).
    """
    return math.sqrt(sum(_variance(arm, is_proportion=is_proportion) / arm.n for arm in (control, treatment)))


def _variance(arm: Summary, *, is_proportion: bool) -> float:
    if not is_proportion:
        return arm.variance
    rate = (float(arm.sum) + 1) / (arm.n + 2)
    return rate * (1 - rate)


def _always_valid(
    control: Summary, treatment: Summary, *, is_proportion: bool, alpha: float, planned_n: int
) -> tuple[tuple[float, float], float, float]:
    difference, n = treatment.mean - control.mean, control.n + treatment.n
    error = standard_error(control, treatment, is_proportion=is_proportion)
    rho = sequential.tuning(alpha=alpha, planned_n=planned_n)
    half = sequential.half_width(standard_error=error, n=n, rho=rho, alpha=alpha)
    p_value = sequential.p_value(estimate=difference, standard_error=error, n=n, rho=rho)
    multiple = sequential.half_width(standard_error=1.0, n=n, rho=rho, alpha=alpha)
    low, high = difference - half, difference + half
    if is_proportion:
        low, high = max(-1.0, low), min(1.0, high)
    return (low, high), p_value, multiple


def _insufficient(control: Summary, treatment: Summary, *, is_proportion: bool) -> str | None:
    fewest = min(control.n, treatment.n)
    needed = MINIMUM_N if is_proportion else MINIMUM_N_OF_MEANS
    if fewest < needed:
        return f"{needed - fewest} more units needed in the smaller arm"
    if not is_proportion:
        return "an arm has not varied yet" if min(control.variance, treatment.variance) == 0 else None
    events = float(control.sum) + float(treatment.sum)
    rarer = min(events, control.n + treatment.n - events)
    if rarer < 2 * MINIMUM_EVENTS:
        return f"{math.ceil(2 * MINIMUM_EVENTS - rarer)} more events needed over both arms"
    return None
