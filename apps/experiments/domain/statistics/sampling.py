"""Sample-ratio mismatch: whether units arrived in the proportions they were assigned in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from apps.experiments.domain.statistics.distributions import chi_squared_above

# One look may be taken at a stricter level than the experiment's own: a false alarm stops a sound experiment.
LEVEL = 0.001


@dataclass(frozen=True)
class SampleRatio:
    """The p-value of the observed split; ``ok`` while it is at least the level. None without units."""

    p_value: float | None
    ok: bool


def sample_ratio(counts: Sequence[int], weights: Sequence[float], *, level: float = LEVEL) -> SampleRatio:
    """Test one look at the split by Pearson's chi-squared. ``weights`` are relative.

    Raises ValueError when lengths differ, a weight is not positive or a count is negative.
    """
    shares = _shares(counts, weights)
    total = sum(counts)
    if total == 0:
        return SampleRatio(None, True)
    statistic = sum((n - total * share) ** 2 / (total * share) for n, share in zip(counts, shares, strict=True))
    p_value = chi_squared_above(statistic, len(counts) - 1)
    return SampleRatio(p_value, p_value >= level)


@dataclass(frozen=True)
class SequentialSampleRatio:
    """The live check, valid however often one looks: a multinomial against a Dirichlet mixture.

    Source: Lindon and Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS.
    """

    weights: tuple[float, ...]
    level: float = LEVEL
    # Concentration of the mixture around the planned split: small departures are what lost logs look like.
    concentration: float = 100.0

    def look(self, counts: Sequence[int]) -> SampleRatio:
        """Return the always-valid p-value of these cumulative counts. Raises ValueError as ``sample_ratio``."""
        shares = _shares(counts, self.weights)
        total = sum(counts)
        if total == 0:
            return SampleRatio(None, True)
        log_bayes_factor = math.lgamma(self.concentration) - math.lgamma(self.concentration + total)
        for n, share in zip(counts, shares, strict=True):
            prior = self.concentration * share
            log_bayes_factor += math.lgamma(prior + n) - math.lgamma(prior) - n * math.log(share)
        p_value = min(1.0, math.exp(min(0.0, -log_bayes_factor)))
        return SampleRatio(p_value, p_value >= self.level)


def _shares(counts: Sequence[int], weights: Sequence[float]) -> list[float]:
    if len(counts) != len(weights) or len(counts) < 2:
        raise ValueError(f"{len(counts)} counts and {len(weights)} weights: at least two of each, and as many")
    if any(weight <= 0 for weight in weights) or any(n < 0 for n in counts):
        raise ValueError("weights must be positive and counts not negative")
    total = sum(weights)
    return [weight / total for weight in weights]
