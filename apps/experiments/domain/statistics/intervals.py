"""Fixed-horizon intervals and tests: one look, at a size decided beforehand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from apps.evaluations.domain import intervals as shared
from apps.experiments.domain.statistics import distributions
from apps.experiments.domain.statistics.summaries import Summary

# Cochran's rule of thumb, on the counts seen: below this the normal approximation of the test is not trusted.
SMALL_COUNT = 5


@dataclass(frozen=True)
class OneLook:
    """A difference treatment − control with its 95 % (or 1 − alpha) interval and two-sided p-value."""

    interval: tuple[float, float]
    p_value: float


def newcombe(control: Summary, treatment: Summary, *, alpha: float) -> tuple[float, float]:
    """Return Newcombe's interval of treatment − control at this alpha. Raises ValueError for an empty arm."""
    z = distributions.normal_quantile(1 - alpha / 2)
    interval = shared.newcombe(int(treatment.sum), treatment.n, int(control.sum), control.n, z)
    if interval is None:
        raise ValueError("each arm needs at least one unit")
    return interval


def look_at_proportions(control: Summary, treatment: Summary, *, alpha: float) -> OneLook:
    """Compare proportions: Newcombe's interval; pooled z, or Fisher's exact test under small counts."""
    interval = newcombe(control, treatment, alpha=alpha)
    k0, k1, n = int(control.sum), int(treatment.sum), control.n + treatment.n
    pooled = (k0 + k1) / n
    if pooled in (0.0, 1.0):
        return OneLook(interval, 1.0)
    if min(k0, k1, control.n - k0, treatment.n - k1) < SMALL_COUNT:
        return OneLook(interval, distributions.fisher_exact(k1, treatment.n, k0, control.n))
    error = math.sqrt(pooled * (1 - pooled) * (1 / control.n + 1 / treatment.n))
    z = (treatment.mean - control.mean) / error
    return OneLook(interval, 2 * distributions.normal_above(abs(z)))


def look_at_means(control: Summary, treatment: Summary, *, alpha: float) -> OneLook:
    """Compare means by Welch's unequal-variances t-test."""
    difference = treatment.mean - control.mean
    v0, v1 = control.variance / control.n, treatment.variance / treatment.n
    if v0 + v1 == 0:
        return OneLook((difference, difference), 1.0 if difference == 0 else 0.0)
    freedom = (v0 + v1) ** 2 / (v0 * v0 / (control.n - 1) + v1 * v1 / (treatment.n - 1))
    error = math.sqrt(v0 + v1)
    half = distributions.student_critical(alpha, freedom) * error
    p_value = distributions.student_two_sided(difference / error, freedom)
    return OneLook((difference - half, difference + half), p_value)


def lift_interval(control: Summary, treatment: Summary, *, z: float, is_proportion: bool) -> tuple[float, float] | None:
    """Return the interval of treatment / control − 1 on the log scale; None where either mean is not positive.

    For proportions this is Katz's interval (Katz, Baptista, Azen and Pike 1978); for means the delta method on the
    logarithm with the same shape. ``z`` is the multiple of the standard error: 1.96 for one look, more for a sequence.
    """
    m0, m1 = control.mean, treatment.mean
    if m0 <= 0 or m1 <= 0:
        return None
    if is_proportion:
        variance = (1 - m0) / (control.n * m0) + (1 - m1) / (treatment.n * m1)
    else:
        variance = control.variance / (control.n * m0 * m0) + treatment.variance / (treatment.n * m1 * m1)
    return around_lift(m1 / m0, z * math.sqrt(variance))


def around_lift(ratio: float, half: float) -> tuple[float, float]:
    """Return the interval of ratio − 1 that reaches ``half`` to each side on the log scale."""
    return (_lift(math.log(ratio) - half), _lift(math.log(ratio) + half))


def _lift(log_ratio: float) -> float:
    return math.expm1(log_ratio) if log_ratio < 700 else math.inf
