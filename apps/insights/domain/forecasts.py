"""The next two weeks of a daily mean: a weekday-adjusted level, with intervals from the method's own past errors.

The level is the mean of the last eight weeks' days, each freed of what its weekday is usually above or below the
others, the newest weighing most (half as much for each week back) and large days more than small ones. A forecast is
that level with the weekday put back. Its interval is read from what the same method, asked on every earlier day, got
wrong a week ahead and two: no bell curve, and whatever moves an application's days is in it as far as it has moved
them before. The same intervals, made as they were at the time, are then checked on the days that came after.

Sources: Hyndman and Athanasopoulos, Forecasting: principles and practice (3rd ed.), 5.8 and 5.10, for rolling origins
and empirical intervals; Vovk, Gammerman and Shafer (2005) for the rank that makes them hold in finite samples.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from apps.insights.domain.days import FEWEST_VALUES, WARM_UP, DailyMean

AHEAD = 14
COVERAGE = 0.95
_WINDOW, _HALF_LIFE = 56, 7
# The method is first asked when it has seen so many days.
_FIRST = 28
# Errors longer ago say little of what the application is now.
MOST_DAYS = 182
# Fewer errors than these have no 95th percentile worth checking.
_FEWEST_ERRORS = 40


@dataclass(frozen=True)
class Ahead:
    """The mean expected on a day, and the interval that the day's own mean should lie in."""

    day: date
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """What is expected of the days after the last one.

    ``days`` lie between the first one seen and the last; ``ahead`` is empty where they are too few, and then
    ``missing`` says how many. ``tried`` forecasts of the past could be checked, of ``tried_days`` days; ``covered`` of
    them had the day inside.
    """

    days: int
    missing: int = 0
    ahead: tuple[Ahead, ...] = ()
    tried: int = 0
    covered: int = 0
    tried_days: int = 0


def forecast(days: Sequence[DailyMean], *, until: date, least: float, most: float) -> Forecast:
    """Return the fourteen days after ``until``, the last complete one, of a mean between ``least`` and ``most``.

    ``days`` are complete ones in order, at most one entry a day; those with fewer than five values are left out.
    Refused below 56 days of history, and where a quarter of the last 56 or a whole weekday of them is missing.
    """
    usable = [each for each in days if each.n >= FEWEST_VALUES and each.day <= until]
    if not usable:
        return Forecast(0, missing=WARM_UP)
    last = until
    seen = (last - usable[0].day).days + 1
    by_day = {each.day: each for each in usable if each.day > last - timedelta(days=MOST_DAYS)}
    recent = [day for day in by_day if day > last - timedelta(days=WARM_UP)]
    if seen < WARM_UP or len(recent) < WARM_UP * 3 // 4 or len({day.weekday() for day in recent}) < 7:
        return Forecast(seen, missing=max(1, WARM_UP - min(seen, len(recent))))
    made, checked = _run(by_day, last)
    expected = made[last]
    if any(half is None for _, half in expected):
        return Forecast(seen, missing=1)
    ahead = [
        Ahead(
            last + timedelta(days=place),
            min(max(value, least), most),
            max(least, value - half),
            min(most, value + half),
        )
        for place, (value, half) in enumerate(expected, start=1)
        if half is not None
    ]
    hits = [hit for told in checked.values() for hit in told]
    return Forecast(seen, 0, tuple(ahead), len(hits), sum(hits), len(checked))


# What is said of a day: the value, and half the interval around it (None: too few errors to tell).
_Said = tuple[float, float | None]


def _run(by_day: Mapping[date, DailyMean], last: date) -> tuple[dict[date, list[_Said]], dict[date, list[bool]]]:
    """Ask the method on every day from the 28th on; return what it said after each, and whether that held, by day."""
    first = min(by_day)
    made: dict[date, list[_Said]] = {}
    errors, checked = _Errors(), dict[date, list[bool]]()
    for place in range((last - first).days + 1):
        now = first + timedelta(days=place)
        for ahead in range(1, AHEAD + 1):
            said = made.get(now - timedelta(days=ahead))
            if said is None or now not in by_day:
                continue
            value, half = said[ahead - 1]
            error = abs(by_day[now].mean - value)
            if half is not None:
                checked.setdefault(now, []).append(error <= half)
            errors.add(ahead, error)
        if place + 1 >= _FIRST and (expected := _expect(by_day, now)) is not None:
            made[now] = [(value, errors.bound(ahead)) for ahead, value in enumerate(expected, start=1)]
    return made, checked


class _Errors:
    """How far forecasts were off, the sizes in order: one list a week ahead."""

    def __init__(self) -> None:
        self._sizes: tuple[list[float], ...] = tuple([] for _ in range(AHEAD // 7))

    def add(self, ahead: int, size: float) -> None:
        insort(self._sizes[(ahead - 1) // 7], size)

    def bound(self, ahead: int) -> float | None:
        """Return what 95 % of the errors so many days ahead stay within; None while they are too few."""
        sizes = self._sizes[(ahead - 1) // 7]
        if len(sizes) < _FEWEST_ERRORS:
            return None
        return sizes[min(len(sizes), math.ceil((len(sizes) + 1) * COVERAGE)) - 1]


def _expect(by_day: Mapping[date, DailyMean], origin: date) -> list[float] | None:
    """Return the means expected of the fourteen days after ``origin``; None where a weekday was never seen."""
    window = [
        (age, each)
        for age in range(_WINDOW)
        if (each := by_day.get(origin - timedelta(days=age))) is not None
    ]  # fmt: skip
    sums: dict[int, tuple[float, float]] = {}
    for _, each in window:
        n, total = sums.get(each.day.weekday(), (0.0, 0.0))
        sums[each.day.weekday()] = (n + each.n, total + each.n * each.mean)
    if len(sums) < 7:
        return None
    means = {weekday: total / n for weekday, (n, total) in sums.items()}
    usual = sum(means.values()) / 7
    weights = [each.n * 0.5 ** (age / _HALF_LIFE) for age, each in window]
    freed = [each.mean - (means[each.day.weekday()] - usual) for _, each in window]
    level = sum(weight * value for weight, value in zip(weights, freed, strict=True)) / sum(weights)
    ahead = [origin + timedelta(days=place) for place in range(1, AHEAD + 1)]
    return [level + means[day.weekday()] - usual for day in ahead]
