"""A metric's value with its interval and n, found where the metrics object keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.evaluations.domain.intervals import mean_interval, poisson
from apps.evaluations.domain.metrics import metrics
from apps.evaluations.domain.registry import REGISTRY, read_all, value_at
from apps.evaluations.domain.tally import MONEY, Tally
from apps.insights.domain.signals import Severity

# How bad it is when a metric of this group crosses its line.
_WEIGHT: Mapping[str, Severity] = {
    "security": "high",
    "quality": "medium",
    "business": "medium",
    "performance": "low",
}
_COUNTS = frozenset({"successful_attacks", "new_attack_patterns", "churn_prevented", "enterprise_leads"})


@dataclass(frozen=True)
class Measured:
    """What a tally says of every metric of the registry: values by key (None: unknown), and the object they are in."""

    tally: Tally
    metrics: Mapping[str, Any]
    values: Mapping[str, float | None]

    def n(self, key: str) -> int:
        """Return the units the metric rests on."""
        return int(REGISTRY[key].units(self.metrics) or 0)

    def interval(self, key: str) -> tuple[float, float] | None:
        """Return the metric's 95 % interval; None where there is none (a quantile, a mean of very few)."""
        value = self.values.get(key)
        if value is None:
            return None
        if key in {"revenue_impact", "business_value"}:
            return self._money(key)
        if key in _COUNTS:
            return poisson(round(value))
        if key == "security_incident_rate":
            low, high = poisson(self.tally.attacks)
            return (low * 10_000 / self.tally.conversations, high * 10_000 / self.tally.conversations)
        path = REGISTRY[key].path
        name = {"attacks_detected": "attacks_ci", "rate": "ci"}.get(path[-1], f"{path[-1]}_ci")
        found = value_at(self.metrics, (*path[:-1], name))
        return (float(found[0]), float(found[1])) if found else None

    def _money(self, key: str) -> tuple[float, float] | None:
        moments = self.tally.value
        mean, variance = moments.mean(MONEY), moments.variance(MONEY)
        if mean is None or variance is None:
            return None
        interval = mean_interval(mean, variance, moments.n)
        times = moments.n if key == "revenue_impact" else 1
        return None if interval is None else (interval[0] * times, interval[1] * times)


def measure(
    total: Tally, *, before: Tally | None = None, new_attack_patterns: int | None = None, period_days: int | None = None
) -> Measured:
    """Return what a tally says of every metric; changes are those from ``before``."""
    found = metrics(total, previous=before, new_attack_patterns=new_attack_patterns, period_days=period_days)
    return Measured(total, found, read_all(found))


def weight_of(key: str) -> Severity:
    """Return how bad it is when this metric crosses its line."""
    return "critical" if key == "successful_attacks" else _WEIGHT[REGISTRY[key].path[0]]
