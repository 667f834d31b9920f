"""The daily series that are watched for drift and looked ahead of: each metric's moments in a day's tally."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from apps.evaluations.domain.moments import Moments
from apps.evaluations.domain.tally import SCORE, Tally
from apps.insights.domain.days import DailyMean


def _score(tally: Tally) -> Moments:
    return tally.score


def _escalated(tally: Tally) -> Moments:
    # A conversation counts 0 or 1, whose square is itself.
    k = tally.escalations_done
    return Moments(tally.conversations, k * SCORE, k * SCORE * SCORE)


WATCHED: Mapping[str, Callable[[Tally], Moments]] = {"avg_quality_score": _score, "escalation_rate": _escalated}


def daily_means(days: Mapping[date, Tally], metric: str) -> list[DailyMean]:
    """Return the metric's mean of each day in order; days with fewer than two values have none."""
    found = []
    for day, tally in sorted(days.items()):
        moments = WATCHED[metric](tally)
        mean, variance = moments.mean(SCORE), moments.variance(SCORE)
        if mean is not None and variance is not None:
            found.append(DailyMean(day, moments.n, mean, variance))
    return found
