"""What is to be expected of an application's days: read and worked out in the web process, which stays light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from apps.evaluations.selectors import Filters, read_tallies
from apps.insights.domain.days import DailyMean
from apps.insights.domain.forecasts import MOST_DAYS, Forecast, forecast
from apps.insights.domain.watched import WATCHED, daily_means

_SCALES = {"avg_quality_score": (0.0, 10.0), "escalation_rate": (0.0, 1.0)}


@dataclass(frozen=True)
class Outlook:
    """By metric, the days a forecast is made from and what it says; ``until`` is the last complete day."""

    until: date
    history: Mapping[str, Sequence[DailyMean]]
    forecasts: Mapping[str, Forecast]


def read_outlook(*, application_id: int, at: datetime) -> Outlook:
    """Return what an application's complete days before ``at`` let expect. Call inside tenant(...)."""
    end = datetime.combine(at.astimezone(UTC).date(), time(), UTC)
    filters = Filters(application_id=application_id, since=end - timedelta(days=MOST_DAYS), until=end)
    days = {date.fromisoformat(day): tally for day, tally in read_tallies(filters, by="day").items()}
    history = {metric: daily_means(days, metric) for metric in WATCHED}
    until = end.date() - timedelta(days=1)
    return Outlook(
        until=until,
        history=history,
        forecasts={
            metric: forecast(means, until=until, least=_SCALES[metric][0], most=_SCALES[metric][1])
            for metric, means in history.items()
        },
    )
