"""95 % intervals of proportions, their differences, means and shrunken rates, in closed form or by plain arithmetic.

No scipy here: these are computed in the web process too, which stays light.
"""

from __future__ import annotations

import math

Z95 = 1.959963984540054
# Below this the normal theory behind the mean's interval says nothing useful about skewed figures.
FEWEST_FOR_MEAN = 5


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float] | None:
    """Return Wilson's score interval of a proportion; None where there were no trials.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if trials <= 0:
        return None
    p, z2 = successes / trials, z * z
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = z * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    # At 0 and n the bound is exact; arithmetic may miss it by one ulp.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return (low, high)


def newcombe(k1: int, n1: int, k0: int, n0: int, z: float = Z95) -> tuple[float, float] | None:
    """Return the interval of k1/n1 − k0/n0; None where either has no trials.

    Source: Newcombe (1998), Interval estimation for the difference between independent proportions, method 10.
    """
    one, zero = wilson(k1, n1, z), wilson(k0, n0, z)
    if one is None or zero is None:
        return None
    p1, p0 = k1 / n1, k0 / n0
    low = math.hypot(p1 - one[0], zero[1] - p0)
    high = math.hypot(one[1] - p1, p0 - zero[0])
    return (p1 - p0 - low, p1 - p0 + high)


def mean_interval(mean: float, variance: float, n: int) -> tuple[float, float] | None:
    """Return Student's interval of a mean from the sample's mean and variance (n − 1); None below five values."""
    if n < FEWEST_FOR_MEAN:
        return None
    half = _t95(n - 1) * math.sqrt(variance / n)
    return (mean - half, mean + half)


def difference_of_means(
    mean1: float, variance1: float, n1: int, mean0: float, variance0: float, n0: int
) -> tuple[float, float] | None:
    """Return Welch's interval of mean1 − mean0; None below five values on either side."""
    if min(n1, n0) < FEWEST_FOR_MEAN:
        return None
    e1, e0 = variance1 / n1, variance0 / n0
    if e1 + e0 == 0:
        return (mean1 - mean0, mean1 - mean0)
    freedom = (e1 + e0) ** 2 / (e1**2 / (n1 - 1) + e0**2 / (n0 - 1))
    half = _t95(freedom) * math.sqrt(e1 + e0)
    return (mean1 - mean0 - half, mean1 - mean0 + half)


def poisson(events: int) -> tuple[float, float]:
    """Return an interval of the expected number of events behind a count.

    Source: Byar's approximation to the exact Poisson limits (Breslow and Day 1987); within 1 % from one event on.
    """
    low = 0.0 if events == 0 else events * (1 - 1 / (9 * events) - Z95 / (3 * math.sqrt(events))) ** 3
    above = events + 1
    high = above * (1 - 1 / (9 * above) + Z95 / (3 * math.sqrt(above))) ** 3
    return (low, high)


def beta_quantile(p: float, a: float, b: float) -> float:
    """Return the p-quantile of a beta distribution, to 1e-9: Newton's steps, halving where one leaves the bracket."""
    low, high, x = 0.0, 1.0, a / (a + b)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    for _ in range(200):
        error = beta_cdf(x, a, b) - p
        low, high = (x, high) if error < 0 else (low, x)
        density = math.exp(scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))
        step = x - error / density if density > 0 else low
        following = step if low < step < high else (low + high) / 2
        if abs(following - x) < 1e-10 or high - low < 1e-10:
            return following
        x = following
    return x


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function, by Lentz's continued fraction (Numerical Recipes, 6.4)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    # The fraction converges fast only on this side of the mean; the other follows by symmetry.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1), tiny)
    total = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away(1 + term * d, tiny)
            c = _away(1 + term / c, tiny)
            total *= c * d
        if abs(c * d - 1) < 1e-13:
            break
    return total


def _away(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


def _t95(freedom: float) -> float:
    """Return Student's 97.5 % quantile by the expansion of Fisher and Cornish (1960), good to 0.5 % from 4 on."""
    z = Z95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / freedom + second / freedom**2 + third / freedom**3 + fourth / freedom**4
