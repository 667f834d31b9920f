"""What goes with success: factors of offers against confirmed upsells, with intervals and false-discovery control.

Crude associations: nothing is adjusted for who was offered what, by whom, or when. They say where an experiment may
be worth its while, never what would happen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from apps.evaluations.domain.intervals import newcombe
from apps.evaluations.domain.tally import FactorTally

FALSE_DISCOVERY_RATE = 0.05
# Fewer offers on either side leave an interval as wide as the question.
FEWEST = 20
ADJUSTMENT = "crude: not adjusted for customer, agent or intent"


@dataclass(frozen=True)
class Association:
    """Success with and without a factor. ``difference`` and ``interval`` are None below the minimum n on a side."""

    factor: str
    n_with: int
    confirmed_with: int
    n_without: int
    confirmed_without: int
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    q_value: float | None = None

    @property
    def stands(self) -> bool:
        """Return whether it survives the false-discovery control."""
        return self.q_value is not None and self.q_value <= FALSE_DISCOVERY_RATE


def associate(factors: Mapping[str, FactorTally], settled: FactorTally) -> list[Association]:
    """Return the association of each factor with confirmation, strongest first, unknown ones last."""
    found = [_associate(name, with_it, settled) for name, with_it in sorted(factors.items())]
    known = [association for association in found if association.p_value is not None]
    adjusted = adjust([association.p_value or 0.0 for association in known])
    known = [replace(association, q_value=q) for association, q in zip(known, adjusted, strict=True)]
    known.sort(key=lambda association: (-abs(association.difference or 0), association.factor))
    return known + [association for association in found if association.p_value is None]


def adjust(p_values: Sequence[float]) -> list[float]:
    """Return Benjamini and Hochberg's (1995) adjusted p-values, in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: -p_values[i])
    adjusted, smallest = [0.0] * len(p_values), 1.0
    for rank, i in zip(range(len(p_values), 0, -1), order, strict=True):
        # The quotient first: it is at least 1, so that rounding never takes a p-value below itself.
        smallest = min(smallest, p_values[i] * (len(p_values) / rank))
        adjusted[i] = smallest
    return adjusted


def compare_proportions(k1: int, n1: int, k0: int, n0: int) -> float:
    """Return the two-sided p-value of the pooled z-test of two proportions; 1 where all agree."""
    pooled = (k1 + k0) / (n1 + n0)
    spread = pooled * (1 - pooled) * (1 / n1 + 1 / n0)
    if spread == 0:
        return 1.0
    z = (k1 / n1 - k0 / n0) / math.sqrt(spread)
    return 2 * NormalDist().cdf(-abs(z))


def _associate(name: str, with_it: FactorTally, settled: FactorTally) -> Association:
    k1, n1 = with_it.confirmed, with_it.offered
    k0, n0 = settled.confirmed - k1, settled.offered - n1
    if min(n1, n0) < FEWEST:
        return Association(name, n1, k1, n0, k0)
    return Association(
        name, n1, k1, n0, k0, k1 / n1 - k0 / n0, newcombe(k1, n1, k0, n0), compare_proportions(k1, n1, k0, n0)
    )
