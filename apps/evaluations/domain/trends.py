"""What a period did compared with the one before it, in words a person reads at a glance."""

from __future__ import annotations

from typing import Literal

from apps.evaluations.domain.intervals import difference_of_means
from apps.evaluations.domain.moments import Moments
from apps.evaluations.domain.tally import MONEY, SCORE, Tally

Trend = Literal["improving", "worsening", "steady", "unknown"]
# Rare events make a mean of risk jump; below this it has no trend.
FEWEST_FOR_RISK, FEWEST_FOR_SCORE = 100, 30
UNKNOWN: Trend = "unknown"
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


def trend_of_risk(now: Tally, before: Tally | None) -> Trend:
    """Return whether the mean risk fell ("improving"), rose, or differs by no more than chance."""
    interval = _difference(now.risk, before.risk if before else None, FEWEST_FOR_RISK)
    if interval is None:
        return "unknown"
    if interval[1] < 0:
        return "improving"
    return "worsening" if interval[0] > 0 else "steady"


def change_of_score(now: Tally, before: Tally | None) -> tuple[float, tuple[float, float]] | None:
    """Return the change of the mean score with its interval; None with too little data."""
    interval = _difference(now.score, before.score if before else None, FEWEST_FOR_SCORE)
    return None if interval is None else (sum(interval) / 2, interval)


def trend_of_score(now: Tally, before: Tally | None, period: str) -> str:
    """Return the change of the mean score in words ("+0.3 this week"); "unknown" with too little data."""
    change = change_of_score(now, before)
    if change is None:
        return UNKNOWN
    rounded = round(change[0], 1)
    return f"±0.0 {period}" if rounded == 0 else f"{rounded:+.1f} {period}"


def trend_of_revenue(now: Tally, before: Tally | None, period: str, currency: str) -> str:
    """Return the change of the revenue impact in words ("+$2400 this month"); "unknown" without data on both sides."""
    if before is None or not now.conversations or not before.conversations:
        return UNKNOWN
    return f"{write_money((now.value.total - before.value.total) / MONEY, currency, signed=True)} {period}"


def name_period(days: int) -> str:
    """Return what people call a period of so many days."""
    if days <= 1:
        return "today"
    if days <= 7:
        return "this week"
    return "this month" if 28 <= days <= 31 else f"in {days} days"


def write_money(amount: float, currency: str, *, signed: bool = False) -> str:
    """Return an amount without cents where they would be noise."""
    sign = "-" if amount < 0 else "+" if signed else ""
    figure = f"{abs(amount):.0f}" if abs(amount) >= 100 or amount == int(amount) else f"{abs(amount):.2f}"
    return f"{sign}{_SIGNS[currency]}{figure}" if currency in _SIGNS else f"{sign}{figure} {currency}"


def _difference(now: Moments, before: Moments | None, fewest: int) -> tuple[float, float] | None:
    if before is None or min(now.n, before.n) < fewest:
        return None
    mean1, mean0 = now.mean(SCORE), before.mean(SCORE)
    variance1, variance0 = now.variance(SCORE), before.variance(SCORE)
    if mean1 is None or mean0 is None or variance1 is None or variance0 is None:
        return None
    return difference_of_means(mean1, variance1, now.n, mean0, variance0, before.n)
