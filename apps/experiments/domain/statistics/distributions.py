"""The few distributions experiments need, in closed form: light enough for the web process and a quick command.

Tested against scipy, which the product itself does not load.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from apps.evaluations.domain.intervals import beta_cdf

_NORMAL = NormalDist()


def normal_quantile(p: float) -> float:
    """Return the p-quantile of the standard normal distribution."""
    return _NORMAL.inv_cdf(p)


def normal_above(z: float) -> float:
    """Return P(Z > z), accurate far into the tail: a p of 1e-93 stays one."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def normal_density(z: float) -> float:
    """Return the density of the standard normal distribution."""
    return _NORMAL.pdf(z)


def student_two_sided(t: float, freedom: float) -> float:
    """Return P(|T| > |t|) of Student's distribution, by the incomplete beta function."""
    return beta_cdf(freedom / (freedom + t * t), freedom / 2, 0.5)


def student_critical(alpha: float, freedom: float) -> float:
    """Return the t that |T| exceeds with probability alpha, by halving."""
    low, high = 0.0, 2.0
    while student_two_sided(high, freedom) > alpha and high < 1e12:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_two_sided(middle, freedom) > alpha else (low, middle)
    return high


def chi_squared_above(x: float, freedom: int) -> float:
    """Return P(χ² > x) for whole degrees of freedom, by its finite sum."""
    half = x / 2
    if half <= 0:
        return 1.0
    # Q(s + 1, h) = Q(s, h) + h^s e^-h / Γ(s + 1), from Q(1/2, h) = erfc(√h) or Q(1, h) = e^-h.
    odd = freedom % 2
    total = math.erfc(math.sqrt(half)) if odd else math.exp(-half)
    for step in range((freedom - 1) // 2):
        s = step + (0.5 if odd else 1.0)
        total += math.exp(s * math.log(half) - half - math.lgamma(s + 1))
    return min(1.0, total)


def fisher_exact(k1: int, n1: int, k0: int, n0: int) -> float:
    """Return the two-sided p-value of Fisher's exact test: all tables no likelier than the one seen."""
    successes, total = k1 + k0, n1 + n0

    def log_chance(k: int) -> float:
        return _log_choose(n1, k) + _log_choose(n0, successes - k) - _log_choose(total, successes)

    seen = log_chance(k1) + 1e-7  # tables as likely as this one differ in the last digits only
    tables = range(max(0, successes - n0), min(successes, n1) + 1)
    return min(1.0, math.fsum(math.exp(log) for k in tables if (log := log_chance(k)) <= seen))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
