"""The same questions put to two versions: exact test, interval and power of paired yes-or-no answers.

Of the pairs, ``better`` turned from no to yes, ``worse`` from yes to no; pairs that did not turn say nothing about a
difference, but they do say how large it can be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from apps.evaluations.domain.intervals import Z95, wilson


@dataclass(frozen=True)
class Pairs:
    """Counts of pairs: yes under both, better, worse, no under both."""

    both: int = 0
    better: int = 0
    worse: int = 0
    neither: int = 0

    @property
    def n(self) -> int:
        """All pairs."""
        return self.both + self.better + self.worse + self.neither

    @property
    def before(self) -> int:
        """Yes under the old version."""
        return self.both + self.worse

    @property
    def after(self) -> int:
        """Yes under the new version."""
        return self.both + self.better

    @property
    def difference(self) -> float | None:
        """Share of yes, new − old; None without pairs."""
        return (self.better - self.worse) / self.n if self.n else None


def mcnemar(better: int, worse: int) -> float:
    """Return the exact two-sided p-value: under no difference a pair that turns is as likely to turn either way.

    Source: McNemar (1947), in its exact binomial form; twice the smaller tail, at most 1.
    """
    turned, fewer = better + worse, min(better, worse)
    tail = sum(math.comb(turned, k) for k in range(fewer + 1))
    # Whole numbers until the end: 2**turned overflows a float from 1024 pairs on.
    return min(1.0, 2 * tail / 2**turned) if turned < 1000 else min(1.0, float((2 * tail * 10**18) >> turned) / 1e18)


def paired_interval(pairs: Pairs, z: float = Z95) -> tuple[float, float] | None:
    """Return the interval of the difference of shares, new − old; None without pairs.

    Source: Newcombe (1998), Improved confidence intervals for the difference between binomial proportions based on
    paired data, method 10: Wilson's intervals of both shares, joined by their correlation.
    """
    after, before = wilson(pairs.after, pairs.n, z), wilson(pairs.before, pairs.n, z)
    if after is None or before is None:
        return None
    p1, p0 = pairs.after / pairs.n, pairs.before / pairs.n
    phi = _correlation(pairs)
    up1, down1, up0, down0 = after[1] - p1, p1 - after[0], before[1] - p0, p0 - before[0]
    low = math.sqrt(max(0.0, down1**2 - 2 * phi * down1 * up0 + up0**2))
    high = math.sqrt(max(0.0, up1**2 - 2 * phi * up1 * down0 + down0**2))
    return (max(-1.0, p1 - p0 - low), min(1.0, p1 - p0 + high))


def power(pairs: int, *, better: float, worse: float, alpha: float = 0.05) -> float:
    """Return the chance that the exact test finds a difference, where pairs turn with these probabilities."""
    turning = better + worse
    if turning <= 0 or pairs <= 0:
        return 0.0
    share, found = better / turning, 0.0
    for turned in range(1, pairs + 1):
        chance = math.exp(_log_binomial(pairs, turned, turning))
        if chance < 1e-12:
            continue
        critical = _critical(turned, alpha)
        extremes = (*range(critical + 1), *range(turned - critical, turned + 1))
        found += chance * sum(math.exp(_log_binomial(turned, k, share)) for k in extremes)
    return min(1.0, found)


def detectable(pairs: int, *, alpha: float = 0.05, wanted: float = 0.8) -> float | None:
    """Return the smallest share of pairs turning one way, none the other, that is found with this power; or None."""
    for share in range(1, 101):
        if power(pairs, better=share / 100, worse=0.0, alpha=alpha) >= wanted:
            return share / 100
    return None


def _critical(turned: int, alpha: float) -> int:
    """Return the largest smaller count that is significant; −1 where none is."""
    tail, limit = 0, alpha * 2**turned / 2 if turned < 1000 else 0
    for fewer in range(turned // 2 + 1):
        tail += math.comb(turned, fewer)
        if tail > limit:
            return fewer - 1
    return turned // 2


def _log_binomial(n: int, k: int, p: float) -> float:
    if p <= 0 or p >= 1:
        return 0.0 if k == (n if p >= 1 else 0) else -math.inf
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return ways + k * math.log(p) + (n - k) * math.log1p(-p)


def _correlation(pairs: Pairs) -> float:
    """Return φ of the four counts, with Newcombe's continuity correction where it is positive."""
    product = pairs.after * pairs.before * (pairs.n - pairs.after) * (pairs.n - pairs.before)
    if product == 0:
        return 0.0
    excess = pairs.both * pairs.neither - pairs.better * pairs.worse
    corrected = max(excess - pairs.n / 2, 0.0) if excess > 0 else float(excess)
    return corrected / math.sqrt(product)
