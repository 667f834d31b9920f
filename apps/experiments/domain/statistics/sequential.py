"""The asymptotic confidence sequence: an interval that holds at every look, and its p-value."""

from __future__ import annotations

import math


def tuning(*, alpha: float, planned_n: int) -> float:
    """Return ρ, which makes the sequence tightest when the arms together reach ``planned_n``.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and asymptotic
    confidence sequences, Annals of Statistics 2024, appendix B.2 (the closed form of the optimum's approximation).
    """
    return math.sqrt((-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / planned_n)


def half_width(*, standard_error: float, n: int, rho: float, alpha: float) -> float:
    """Return half the width of the two-sided interval at ``n`` units over both arms.

    Source: the same, theorem 2.2; the standard error is that of the estimate at this look.
    """
    x = n * rho * rho
    return standard_error * math.sqrt(2 * (x + 1) / x * (math.log(x + 1) / 2 - math.log(alpha)))


def p_value(*, estimate: float, standard_error: float, n: int, rho: float) -> float:
    """Return the always-valid p-value: at most alpha exactly when the interval for this alpha and ρ excludes 0.

    It is 1 / e of the mixture martingale the interval inverts, capped at 1. Not monotone in n by itself: a caller that
    wants "ever significant" keeps the minimum.
    """
    if standard_error == 0:
        return 1.0 if estimate == 0 else 0.0
    x = n * rho * rho
    z2 = (estimate / standard_error) ** 2
    log_e = z2 * x / (2 * (x + 1)) - math.log(x + 1) / 2
    return min(1.0, math.exp(-log_e))


def one_sided_half_width(*, standard_error: float, n: int, rho: float, alpha: float) -> float:
    """Return the distance to a bound on one side only, used to see harm early.

    Source: the same, proposition B.1's one-sided counterpart, by way of the two-sided sequence at 2·alpha: slightly
    wider than the tightest one-sided bound, and therefore still valid.
    """
    return half_width(standard_error=standard_error, n=n, rho=rho, alpha=min(0.999, 2 * alpha))
