"""Degradation: has the daily mean of a score, or a daily rate, gone bad, and since when.

Two charts on what weekdays leave over: CUSUM sees a small lasting drop, Shewhart's a large sudden one. Their limits
are found by a bootstrap of the application's own history that fits the weekday means anew on every resample, because
limits that take the fitted means for the truth alarm several times too often. At least 56 days are needed; with 14,
the true false-alarm rate of such a chart is a third to a half.

Sources: Page (1954) for CUSUM; Lucas (1982) for the combination; Jones, Champ and Rigdon (2004) on what estimated
parameters do to it; Kuensch (1989) for resampling days in blocks, which keeps what one day has of the day before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt

from apps.insights.domain.days import FEWEST_VALUES, WARM_UP, DailyMean

Array = npt.NDArray[np.float64]
Direction = Literal["increase", "decrease"]

# At most so many days of history are learned from.
MOST_HISTORY = 364
# A chart watches so many days; then the next one learns from all that went before.
HORIZON = 90
# Of charts on traffic that did not change, at most so many may alarm within their 90 days.
FALSE_ALARMS = 0.10
# The bootstrap aims lower: its own limits are estimates, and the promise must hold all the same.
_AIM, _AIM_SHEWHART = 0.03, 0.005
# Two months of days do not show how bad the worst of the next three will be: Shewhart's limit is never below this.
_SHEWHART_FLOOR = 5.0
# Resampled days are blurred by this share of their spread, so that tails are not cut at the worst day seen.
_BLUR = 0.5
# Half the shift, in standard deviations of a day, that CUSUM is tuned to.
_SLACK = 0.5
_BLOCK = 5
RESAMPLES = 1000


@dataclass(frozen=True)
class Limits:
    """Where the charts alarm, in standard deviations of a day."""

    cusum: float
    shewhart: float


@dataclass(frozen=True)
class Chart:
    """What the charts say on the last day.

    ``status`` is "warming up" below 56 days of history, "steady", or "degraded". ``days`` of history were seen;
    ``watched_since`` the chart has stood where it stands now. When degraded: ``alarmed_on``, by which chart, when it
    ``began`` (CUSUM's estimate), the mean over the same weekdays before and the mean since, and their difference.
    """

    status: Literal["warming up", "steady", "degraded"]
    days: int
    watched_since: date | None = None
    limits: Limits | None = None
    alarmed_on: date | None = None
    alarmed_by: Literal["cusum", "shewhart"] | None = None
    began: date | None = None
    before: float | None = None
    since: float | None = None
    change: float | None = None


def watch(days: Sequence[DailyMean], *, direction: Direction, seed: int) -> Chart:
    """Return what the charts say after the last of these days (one entry a day, in order, complete days only).

    ``direction`` is the one that is better. Days with fewer than five values are left out. The same days and seed
    give the same answer.
    """
    usable = [each for each in days if each.n >= FEWEST_VALUES]
    if not usable:
        return Chart("warming up", 0)
    first, last = usable[0].day, usable[-1].day
    seen = (last - first).days + 1
    # Charts follow each other every 90 days; the current one learned from all days before it began.
    begins = first + timedelta(days=WARM_UP + max(0, seen - WARM_UP - 1) // HORIZON * HORIZON)
    history = [each for each in usable if begins - timedelta(days=MOST_HISTORY) <= each.day < begins]
    watched = [each for each in usable if each.day >= begins]
    # Most of the days must be there: two months with a handful of days in them are not a history.
    if not watched or len(history) < WARM_UP * 3 // 4 or len({each.day.weekday() for each in history}) < 7:
        return Chart("warming up", seen)
    sign = 1.0 if direction == "increase" else -1.0
    level = _fit(history, sign)
    if level.spread == 0 and not any(each.variance for each in history):
        return Chart("steady", seen, begins)
    limits = calibrate(history, seed=seed)
    scores = [level.score(each) for each in watched]
    return _read(watched, scores, limits, level, sign, Chart("steady", seen, begins, limits))


def calibrate(history: Sequence[DailyMean], *, seed: int, resamples: int = RESAMPLES) -> Limits:
    """Return limits that at most a tenth of charts on unchanged traffic reach within 90 days.

    ``history`` has every weekday. Each resample draws days in blocks from the residuals of the fit, as long as the
    history and 90 days more; weekday means and spread are fitted anew to its history part, and its last 90 days are
    charted against that fit.
    """
    random = np.random.default_rng(seed)
    weekdays = np.array([each.day.weekday() for each in history])
    n = np.array([each.n for each in history], dtype=np.float64)
    within = np.array([each.variance for each in history]) / n
    level = _fit(history, 1.0)
    residuals = np.array([level.residual(each) for each in history])
    errors = np.sqrt(np.maximum(within + level.spread, 1e-12))
    scaled = residuals / errors
    # A fit of seven means takes some of the spread with it, and chance may have taken more.
    scaled = scaled / max(float(scaled.std()), 1e-6)
    drawn = _blocks(random, scaled, resamples, len(history) + HORIZON)
    blur = _BLUR * float(scaled.std())
    drawn = (drawn + blur * random.standard_normal(drawn.shape)) / np.sqrt(1 + _BLUR**2)
    past = drawn[:, : len(history)] * errors
    # The days to come have sizes like those that were.
    like = np.resize(np.arange(len(history) - len(history) % 7), HORIZON) + len(history) % 7
    future = drawn[:, len(history) :] * errors[like]
    means = np.empty((resamples, 7))
    for weekday in range(7):
        mine = weekdays == weekday
        weights = 1 / np.maximum(errors[mine] ** 2, 1e-12)
        means[:, weekday] = past[:, mine] @ weights / weights.sum()
    left = past - means[:, weekdays]
    spread = np.maximum(0.0, (left**2).sum(axis=1) / (len(history) - 7) - within.mean())
    scores = (future - means[:, weekdays[like]]) / np.sqrt(np.maximum(within[like] + spread[:, None], 1e-12))
    lowest, highest = -scores.min(axis=1), _highest_cusum(scores)
    shewhart = max(_SHEWHART_FLOOR, float(np.quantile(lowest, 1 - _AIM_SHEWHART, method="higher")))
    # Charts that Shewhart's limit stops anyway leave the rest of the allowance to CUSUM.
    quiet = np.sort(highest[lowest <= shewhart])
    allowed = max(0, int(_AIM * resamples) - int((lowest > shewhart).sum()))
    return Limits(cusum=float(quiet[len(quiet) - 1 - allowed]), shewhart=shewhart)


@dataclass(frozen=True)
class _Level:
    """Weekday means of good-is-up values, and the variance between days beyond what a day's size explains."""

    means: tuple[float, ...]
    spread: float
    sign: float

    def residual(self, day: DailyMean) -> float:
        return self.sign * day.mean - self.means[day.day.weekday()]

    def score(self, day: DailyMean) -> float:
        error = np.sqrt(day.variance / day.n + self.spread)
        return float(self.residual(day) / error) if error > 0 else 0.0


def _fit(history: Sequence[DailyMean], sign: float) -> _Level:
    """Fit twice: the spread between days decides how much a day's size counts in its weekday's mean."""
    spread = 0.0
    for _ in range(2):
        means = []
        for weekday in range(7):
            mine = [each for each in history if each.day.weekday() == weekday]
            weights = [1 / max(each.variance / each.n + spread, 1e-12) for each in mine]
            values = [sign * each.mean for each in mine]
            means.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
        squares = sum((sign * each.mean - means[each.day.weekday()]) ** 2 for each in history)
        within = sum(each.variance / each.n for each in history) / len(history)
        spread = max(0.0, squares / max(1, len(history) - 7) - within)
    return _Level(tuple(means), spread, sign)


def _blocks(random: np.random.Generator, values: Array, rows: int, length: int) -> Array:
    """Draw rows of this length from the values, in runs of neighbours that wrap around."""
    runs = -(-length // _BLOCK)
    starts = random.integers(0, len(values), size=(rows, runs))
    places = (starts[:, :, None] + np.arange(_BLOCK)) % len(values)
    drawn: Array = values[places.reshape(rows, -1)[:, :length]]
    return drawn


def _highest_cusum(scores: Array) -> Array:
    """Return the highest point of each row's lower CUSUM."""
    place: Array = np.zeros(len(scores))
    highest: Array = np.zeros(len(scores))
    for column in scores.T:
        place = np.maximum(0.0, place - column - _SLACK)
        highest = np.maximum(highest, place)
    return highest


def _read(
    watched: Sequence[DailyMean], scores: Sequence[float], limits: Limits, level: _Level, sign: float, calm: Chart
) -> Chart:
    cusum, began = 0.0, 0
    for place, score in enumerate(scores):
        following = max(0.0, cusum - score - _SLACK)
        if cusum == 0.0:
            began = place
        cusum = following
        by_shewhart = -score > limits.shewhart
        if cusum > limits.cusum or by_shewhart:
            return _degraded(watched, place, began, by_shewhart and cusum <= limits.cusum, level, sign, calm)
    return calm


def _degraded(
    watched: Sequence[DailyMean], place: int, began: int, by_shewhart: bool, level: _Level, sign: float, calm: Chart
) -> Chart:
    start = place if by_shewhart else began
    bad = watched[start:]
    n = sum(each.n for each in bad)
    since = sum(each.n * each.mean for each in bad) / n
    before = sum(each.n * sign * level.means[each.day.weekday()] for each in bad) / n
    return Chart(
        "degraded",
        calm.days,
        calm.watched_since,
        calm.limits,
        alarmed_on=watched[place].day,
        alarmed_by="shewhart" if by_shewhart else "cusum",
        began=watched[start].day,
        before=before,
        since=since,
        change=since - before,
    )
