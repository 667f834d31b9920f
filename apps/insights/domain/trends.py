"""Trends: what changed against the period before, and by more than chance.

Each change has an interval and is "steady" while that includes 0. Over a dozen metrics are looked at every time, so a
change becomes a signal only where Benjamini and Hochberg's control of false discoveries lets it stand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from apps.evaluations.domain.associations import FALSE_DISCOVERY_RATE, adjust, compare_proportions
from apps.evaluations.domain.intervals import Z95, difference_of_means, newcombe
from apps.evaluations.domain.moments import Moments
from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.domain.tally import COST, MONEY, SCORE, Tally
from apps.evaluations.domain.trends import name_period
from apps.insights.domain.measured import weight_of
from apps.insights.domain.signals import Figures, Signal

FEWEST = 30
Verdict = Literal["improving", "worsening", "steady"]
Counts = tuple[int, int]

_RATES: dict[str, Callable[[Tally], Counts]] = {
    # Per attacked conversation: attacks of one conversation are not independent.
    "security_incident_rate": lambda tally: (tally.attacked, tally.conversations),
    "block_rate": lambda tally: (tally.attacks_blocked, tally.attacks_blocked + tally.attacks_succeeded),
    "escalation_rate": lambda tally: (tally.escalations_done, tally.conversations),
    "resolution_rate": lambda tally: (
        tally.resolutions.get("confirmed", 0) + tally.resolutions.get("assumed", 0),
        sum(count for state, count in tally.resolutions.items() if state != "unknown"),
    ),
    # Settled offers only: the newest are still open, and would look like failures.
    "upsell_rate": lambda tally: (tally.settled.confirmed, tally.settled.offered),
    "churn_rate": lambda tally: (tally.churns.get("lost", 0), tally.conversations),
}
_MEANS: dict[str, tuple[Callable[[Tally], Moments], int]] = {
    "avg_quality_score": (lambda tally: tally.score, SCORE),
    "security_risk_score": (lambda tally: tally.risk, SCORE),
    "customer_satisfaction": (lambda tally: tally.csat, SCORE),
    "business_value": (lambda tally: tally.value, MONEY),
    "upsell_value": (lambda tally: tally.upsell_value, MONEY),
    "tokens_per_conversation": (lambda tally: tally.tokens, 1),
    "cost_per_conversation": (lambda tally: tally.cost, COST),
}


@dataclass(frozen=True)
class Change:
    """A metric now and before. ``difference`` is now − before; ``q_value`` its adjusted p-value among all metrics."""

    metric: str
    now: float
    before: float
    n: int
    n_before: int
    difference: float
    interval: tuple[float, float]
    p_value: float
    q_value: float = 1.0

    @property
    def verdict(self) -> Verdict:
        """Return "steady" while the interval includes 0, else which way it went."""
        if self.interval[0] <= 0 <= self.interval[1]:
            return "steady"
        better = self.difference > 0 if REGISTRY[self.metric].direction == "increase" else self.difference < 0
        return "improving" if better else "worsening"

    @property
    def stands(self) -> bool:
        """Return whether it is a change by more than chance, as many metrics as were looked at."""
        return self.verdict != "steady" and self.q_value <= FALSE_DISCOVERY_RATE


def find_changes(now: Tally, before: Tally) -> list[Change]:
    """Return the change of every metric with at least 30 units on both sides, in the order of the registry's names."""
    found = [*(_rate(key, now, before) for key in _RATES), *(_mean(key, now, before) for key in _MEANS)]
    known = sorted((change for change in found if change is not None), key=lambda change: change.metric)
    adjusted = adjust([change.p_value for change in known])
    return [
        Change(**{**vars(change), "q_value": q_value}) for change, q_value in zip(known, adjusted, strict=True)
    ]  # fmt: skip


def find_trends(now: Tally, before: Tally, *, period_days: int) -> list[Signal]:
    """Return a signal for each metric that changed by more than chance."""
    return [_signal(change, name_period(period_days)) for change in find_changes(now, before) if change.stands]


def write_change(change: Change, period: str) -> str:
    """Return a change in words: "+0.3 this week", "−4.1 points this week", "steady"."""
    if change.verdict == "steady":
        return "steady"
    unit = REGISTRY[change.metric].unit
    if unit == "fraction" or change.metric in _RATES:
        return f"{_signed(change.difference * 100)} points {period}"
    return f"{_signed(change.difference)} {period}"


def _signal(change: Change, period: str) -> Signal:
    metric = REGISTRY[change.metric]
    words = write_change(change, period)
    return Signal(
        kind="trend",
        key=change.metric,
        metric=change.metric,
        severity=weight_of(change.metric) if change.verdict == "worsening" else "low",
        title=f"{change.metric.replace('_', ' ').capitalize()} {change.verdict}: {words}",
        figures=Figures(
            value=change.difference,
            unit="fraction of conversations" if change.metric == "security_incident_rate" else metric.unit,
            n=change.n,
            interval=change.interval,
            before=change.before,
            detail={
                "now": change.now,
                "n_before": change.n_before,
                "verdict": change.verdict,
                "words": words,
                "p_value": change.p_value,
                "q_value": change.q_value,
            },
        ),
        rows=dict(metric.rows),
    )


def _rate(key: str, now: Tally, before: Tally) -> Change | None:
    (k1, n1), (k0, n0) = _RATES[key](now), _RATES[key](before)
    interval = newcombe(k1, n1, k0, n0)
    if min(n1, n0) < FEWEST or interval is None:
        return None
    return Change(key, k1 / n1, k0 / n0, n1, n0, k1 / n1 - k0 / n0, interval, compare_proportions(k1, n1, k0, n0))


def _mean(key: str, now: Tally, before: Tally) -> Change | None:
    moments, unit = _MEANS[key]
    one, zero = moments(now), moments(before)
    mean1, mean0, variance1, variance0 = one.mean(unit), zero.mean(unit), one.variance(unit), zero.variance(unit)
    if min(one.n, zero.n) < FEWEST or mean1 is None or mean0 is None or variance1 is None or variance0 is None:
        return None
    interval = difference_of_means(mean1, variance1, one.n, mean0, variance0, zero.n)
    assert interval is not None
    # From 30 values a side on, the interval's half width is z standard errors for all that matters here.
    half, difference = (interval[1] - interval[0]) / 2, mean1 - mean0
    z = abs(difference) / half * Z95 if half else (float("inf") if difference else 0.0)
    p_value = 2 * NormalDist().cdf(-z)
    return Change(key, mean1, mean0, one.n, zero.n, difference, interval, p_value)


def _signed(value: float) -> str:
    text = f"{abs(value):.1f}" if abs(value) >= 0.05 else f"{abs(value):.2g}"
    return f"{'−' if value < 0 else '+'}{text}"
