"""Anomalies: single days that stand far outside what the days before them were like.

A day is compared with the same weekdays of the four weeks before it. What counts is how far it is from their median,
in robust standard deviations that are never smaller than chance alone would make them. The line stands at 5: days of
real traffic have heavier tails than the bell curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from apps.evaluations.domain.intervals import wilson
from apps.evaluations.domain.tally import Tally
from apps.insights.domain.signals import Figures, Signal

FAR = 5.0
FEWEST_DAYS, MOST_DAYS, FEWEST_LIKE_IT = 21, 28, 3
# A day with fewer units has no rate worth comparing.
FEWEST_UNITS = 30
# Makes the median absolute deviation of a normal sample its standard deviation; half as much again because it is taken
# from medians of three or four days, which lie too close to those days and too far from the next.
_MAD = 1.4826 * 1.5


@dataclass(frozen=True)
class Day:
    """``k`` of ``n`` on one day; a count has n = 0."""

    day: date
    k: int
    n: int = 0

    @property
    def value(self) -> float:
        """Return the rate, or the count."""
        return self.k / self.n if self.n else float(self.k)


@dataclass(frozen=True)
class Outlier:
    """A day far from the ``expected`` value, so many robust standard deviations (signed)."""

    day: Day
    expected: float
    distance: float


_SERIES: Mapping[str, tuple[str, str, Callable[[Tally], tuple[int, int]], Mapping[str, str]]] = {
    "volume": ("conversations", "", lambda tally: (tally.conversations, 0), {}),
    "attacks": (
        "attacked conversations", "security_incidents", lambda tally: (tally.attacked, 0), {"attacked": "true"},
    ),
    "escalation_rate": (
        "escalation rate", "escalation_rate", lambda tally: (tally.escalations_done, tally.conversations),
        {"escalated": "true"},
    ),
}  # fmt: skip


def judged(days: Mapping[date, Tally], *, since: date, until: date) -> frozenset[str]:
    """Return the series whose days in [since, until) could be compared with enough days before them."""
    if not days or (until - min(days)).days <= FEWEST_DAYS:
        return frozenset()
    return frozenset(
        key
        for key, (_, _, read, _) in _SERIES.items()
        if any(_is_usable(Day(day, *read(tally))) for day, tally in days.items() if since <= day < until)
    )


def find_anomalies(days: Mapping[date, Tally], *, since: date, until: date) -> list[Signal]:
    """Return a signal for each series with days in [since, until) that are far out; the furthest day speaks for it.

    ``days`` holds complete days only, with their history; a day without conversations inside the history is a zero.
    """
    if not days:
        return []
    first, last = min(days), max(days)
    every = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    found = []
    for key, (words, metric, read, rows) in _SERIES.items():
        series = [Day(day, *read(days.get(day, Tally()))) for day in every]
        far = [each for each in find_outliers(series) if since <= each.day.day < until]
        if far:
            worst = max(far, key=lambda each: abs(each.distance))
            found.append(_signal(key, words, metric, worst, [each.day.day for each in far], rows))
    return found


def find_outliers(series: Sequence[Day]) -> list[Outlier]:
    """Return the days far from the up to 28 days before them; the first 21 days have too little before them.

    ``series`` has every day once, in order.
    """
    found = []
    for place in range(FEWEST_DAYS, len(series)):
        today = series[place]
        before = [each for each in series[max(0, place - MOST_DAYS) : place] if _is_usable(each)]
        like_it = [each for each in before if each.day.weekday() == today.day.weekday()]
        if not _is_usable(today) or len(before) < FEWEST_DAYS or len(like_it) < FEWEST_LIKE_IT:
            continue
        expected, spread = _expect(today, before)
        distance = (today.value - expected) / spread
        if abs(distance) > FAR:
            found.append(Outlier(today, expected, distance))
    return found


def _is_usable(day: Day) -> bool:
    return day.n == 0 or day.n >= FEWEST_UNITS


def _expect(today: Day, before: Sequence[Day]) -> tuple[float, float]:
    """Return what the day should be like, and its standard deviation."""
    levels = {weekday: _level(weekday, before) for weekday in {each.day.weekday() for each in before}}
    expected = levels[today.day.weekday()]
    robust = _MAD * median(abs(each.value - levels[each.day.weekday()]) for each in before)
    if today.n:
        p = min(max(expected, 1 / today.n), 1 - 1 / today.n)
        chance = math.sqrt(p * (1 - p) / today.n)
    else:
        # The root of a Poisson count, of at least one: three events where none was expected are no anomaly.
        chance = math.sqrt(max(expected, 1.0))
    return expected, max(robust, chance)


def _level(weekday: int, before: Sequence[Day]) -> float:
    return float(median(each.value for each in before if each.day.weekday() == weekday))


def _signal(
    key: str, words: str, metric: str, worst: Outlier, days: list[date], rows: Mapping[str, str]
) -> Signal:  # fmt: skip
    day, is_rate = worst.day, worst.day.n > 0
    value = f"{day.value:.1%}" if is_rate else f"{day.k:,}"
    expected = f"{worst.expected:.1%}" if is_rate else f"{worst.expected:,.0f}"
    return Signal(
        kind="anomaly",
        key=key,
        metric=metric,
        # Less of what should be less is good news all the same: somebody should look why.
        severity="medium" if worst.distance > 0 and key != "volume" else "low",
        title=f"{words.capitalize()} on {day.day.isoformat()}: {value}, where about {expected} was expected",
        figures=Figures(
            value=day.value,
            unit="fraction" if is_rate else words,
            n=day.n or day.k,
            interval=wilson(day.k, day.n) if is_rate else None,
            before=worst.expected,
            detail={
                "day": day.day.isoformat(),
                "days": [each.isoformat() for each in days],
                "distance": worst.distance,
                "limit": FAR,
            },
        ),
        rows={**rows, "since": day.day.isoformat(), "until": day.day.isoformat()},
    )
