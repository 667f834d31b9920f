"""Log-spaced histograms: quantiles of times from counts that can be added in any order.

The buckets of DDSketch (Masson, Rim, Lee 2019): bucket i holds (γ^(i−1), γ^i] with γ = (1+α)/(1−α), so any value is
known to a relative error of α. Kept as a plain mapping from the bucket's number to its count, which is also its JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

ACCURACY = 0.02
# From a millisecond to thirty days; what lies outside counts as the nearest end.
SMALLEST, LARGEST = 1.0, 30 * 86_400_000.0
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA = math.log(_GAMMA)


def bucket(milliseconds: float) -> str:
    """Return the bucket of a time in milliseconds; times below one millisecond share a bucket."""
    return str(math.ceil(math.log(min(max(milliseconds, SMALLEST), LARGEST)) / _LOG_GAMMA - 1e-9))


def count(times: Iterable[float]) -> dict[str, int]:
    """Return the histogram of times in milliseconds."""
    counts: dict[str, int] = {}
    for time in times:
        name = bucket(time)
        counts[name] = counts.get(name, 0) + 1
    return counts


def quantile(counts: Mapping[str, int], q: float) -> float | None:
    """Return the q-quantile in milliseconds, within 2 % of the order statistic of rank ⌊q·(n−1)⌋; None when empty."""
    total = sum(counts.values())
    if not total:
        return None
    rank = math.floor(q * (total - 1))
    passed = 0
    for number in sorted(map(int, counts)):
        passed += counts[str(number)]
        if passed > rank:
            return 2 * _GAMMA**number / (_GAMMA + 1)
    return None
