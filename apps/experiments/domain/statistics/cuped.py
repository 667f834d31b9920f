"""CUPED: what units did before the experiment explains part of how they differ, and is taken out of the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from apps.experiments.domain.statistics import sequential
from apps.experiments.domain.statistics.comparing import DEFAULT_PLANNED_N, MINIMUM_N
from apps.experiments.domain.statistics.ratios import RatioSummary


@dataclass(frozen=True)
class Earlier:
    """What an arm's units did before: numerator p and denominator q of the same metric, with the products that a
    covariance with the arm's own m and d (see RatioSummary) needs.

    Summed over every unit that the RatioSummary counts, those without an earlier period as zeros; ``known`` counts the
    units that have one.
    """

    known: int
    p_sum: float
    p_sum_squares: float
    q_sum: float
    q_sum_squares: float
    pq_sum: float
    mp_sum: float
    mq_sum: float
    dp_sum: float
    dq_sum: float


@dataclass(frozen=True)
class Adjusted:
    """Treatment − control with what units did before taken out, its interval at every look and its p-value.

    ``theta`` is the coefficient, ``variance_reduction`` the share of the difference's variance that is gone,
    ``known`` the share of units that had an earlier period.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    theta: float
    variance_reduction: float
    known: float


def compare_adjusted(
    control: RatioSummary,
    treatment: RatioSummary,
    *,
    earlier: tuple[Earlier, Earlier],
    alpha: float = 0.05,
    planned_n: int | None = None,
) -> Adjusted | None:
    """Return the adjusted comparison; None where fewer than 30 units of an arm have an earlier period, or it says
    nothing because it does not vary.

    Y is the linearized ratio (m − R·d) / mean d, X = p − S·q with the S of both arms together: a unit without an
    earlier period has X = 0, its mean, and is neither helped nor hurt. θ = cov(Y, X) / var(X) over both arms; the
    adjusted difference is that of Y − θ·X. Whatever θ is, the lot makes X's expected difference 0, so the estimate
    stays unbiased; its variance is (1 − correlation²) of what it was.

    Source: Deng, Xu, Kohavi and Walker (2013), Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data, section 3; Deng, Knoblich and Lu (2018) for the ratio. Waudby-Smith et al. (2024) show that the
    sequence stays valid with coefficients that are estimated.
    """
    r0, r1 = control.ratio, treatment.ratio
    q = sum(each.q_sum for each in earlier)
    if r0 is None or r1 is None or not q or min(each.known for each in earlier) < MINIMUM_N:
        return None
    s = sum(each.p_sum for each in earlier) / q
    arms = [_moments(arm, before, s) for arm, before in zip((control, treatment), earlier, strict=True)]
    spread = sum(arm.n * arm.x_variance for arm in arms)
    bare = sum(arm.y_variance / arm.n for arm in arms)
    if spread <= 0 or bare <= 0:
        return None
    theta = sum(arm.n * arm.covariance for arm in arms) / spread
    variance = sum(
        max(0.0, arm.y_variance - 2 * theta * arm.covariance + theta**2 * arm.x_variance) / arm.n for arm in arms
    )
    difference, n, error = (
        r1 - r0 - theta * (arms[1].x_mean - arms[0].x_mean),
        control.n + treatment.n,
        math.sqrt(variance),
    )
    rho = sequential.tuning(alpha=alpha, planned_n=planned_n or DEFAULT_PLANNED_N)
    half = sequential.half_width(standard_error=error, n=n, rho=rho, alpha=alpha)
    return Adjusted(
        difference=difference,
        interval=(difference - half, difference + half),
        p_value=sequential.p_value(estimate=difference, standard_error=error, n=n, rho=rho),
        theta=theta,
        variance_reduction=1 - variance / bare,
        known=sum(each.known for each in earlier) / n,
    )


@dataclass(frozen=True)
class _Moments:
    """Of one arm's units: Y has mean 0 by construction."""

    n: int
    x_mean: float
    x_variance: float
    y_variance: float
    covariance: float


def _moments(arm: RatioSummary, before: Earlier, s: float) -> _Moments:
    n, ratio, per_unit = arm.n, arm.m_sum / arm.d_sum, arm.d_sum / arm.n
    x_mean = (before.p_sum - s * before.q_sum) / n
    x_squares = before.p_sum_squares - 2 * s * before.pq_sum + s * s * before.q_sum_squares
    yx = before.mp_sum - s * before.mq_sum - ratio * before.dp_sum + ratio * s * before.dq_sum
    return _Moments(
        n=n,
        x_mean=x_mean,
        x_variance=max(0.0, (x_squares - n * x_mean**2) / (n - 1)),
        # The variance of the ratio is that of Y divided by n.
        y_variance=arm.variance_of_ratio * n,
        covariance=yx / per_unit / (n - 1),
    )
