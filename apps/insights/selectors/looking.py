"""What a period has to say: every signal with its evidence, and how the degradation charts stand."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Count

from apps.evaluations.domain.moments import Moments
from apps.evaluations.domain.quality.patterns import PATTERNS
from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.domain.tally import SCORE, Tally
from apps.evaluations.models import ConversationFact
from apps.evaluations.selectors import Filters, count_new_patterns, read_tallies, read_tally
from apps.insights.domain import anomalies, drivers, patterns, trends
from apps.insights.domain.carriers import Part, split_change
from apps.insights.domain.days import WARM_UP
from apps.insights.domain.degradation import HORIZON, MOST_HISTORY, Chart, watch
from apps.insights.domain.drifts import tell_drift
from apps.insights.domain.evidence import Found
from apps.insights.domain.measured import Measured, measure
from apps.insights.domain.signals import Kind, Period
from apps.insights.domain.thresholds import Flagged, cross, rows_of
from apps.insights.domain.watched import WATCHED, daily_means
from apps.insights.selectors.evidence import choose_evidence, named_filters

_LEVELS = ("prompt_version", "model", "channel")
_CARRIERS = ("prompt_version", "agent", "channel")


@dataclass(frozen=True)
class Degradation:
    """How the chart of one metric stands; when degraded, who carries it, the largest part first."""

    metric: str
    chart: Chart
    carried_by: tuple[Part, ...] = ()


Condition = tuple[Kind, str]


@dataclass(frozen=True)
class Look:
    """Everything one look at an application's period found.

    ``judged`` are the conditions (kind, key) that had enough data to hold or not: one of them that was not found does
    not hold; of any other nothing is known. ``thresholds`` are the metrics somebody drew a line for.
    """

    conversations: int
    found: tuple[Found, ...]
    degradations: tuple[Degradation, ...]
    judged: frozenset[Condition] = frozenset()
    thresholds: frozenset[str] = frozenset()


def look(*, application_id: int, period: Period, thresholds: Mapping[str, float]) -> Look:
    """Return what the period says, compared with as long a period before it. Call inside tenant(...).

    ``thresholds`` are by the registry's names; raises KeyError for one it does not have.
    """
    filters = Filters(application_id=application_id, since=period.since, until=period.until)
    now = read_tally(filters)
    before = read_tally(filters.between(period.before.since, period.before.until))
    days = _days(application_id, period)
    measured = measure(now, before=before, new_attack_patterns=count_new_patterns(filters), period_days=period.days)
    flagged = {
        key: _flagged(filters, key, limit, measured.n(key))
        for key, limit in thresholds.items()
        if REGISTRY[key].flags is not None
    }
    levels = {name: read_tallies(filters, by=name) for name in _LEVELS}
    degradations = tuple(_degradation(application_id, metric, days, period) for metric in WATCHED)
    signals = [
        *cross(thresholds, measured, flagged),
        *patterns.find_patterns(now, before),
        *trends.find_trends(now, before, period_days=period.days),
        *drivers.find_drivers(now, levels),
        *anomalies.find_anomalies(days, since=period.since.date(), until=period.until.date()),
        *(
            tell_drift(each.metric, each.chart, each.carried_by)
            for each in degradations
            if each.chart.status == "degraded"
        ),
    ]
    return Look(
        conversations=now.conversations,
        found=tuple(Found(signal, choose_evidence(signal, filters)) for signal in signals),
        degradations=degradations,
        thresholds=frozenset(thresholds),
        judged=frozenset(
            [
                *_crossable(thresholds, measured, flagged),
                *(("pattern", name) for name in PATTERNS if now.conversations >= patterns.FEWEST_IN_ALL),
                *(("trend", change.metric) for change in trends.find_changes(now, before)),
                *(("driver", driver.split.key) for driver in drivers.compare(drivers.splits_of(now, levels))),
                *(
                    ("anomaly", key)
                    for key in anomalies.judged(days, since=period.since.date(), until=period.until.date())
                ),
                *(("degradation", each.metric) for each in degradations if each.chart.status != "warming up"),
            ]
        ),
    )


def _crossable(
    thresholds: Mapping[str, float], measured: Measured, flagged: Mapping[str, Flagged]
) -> Iterator[Condition]:
    """Return the thresholds that can be said to be crossed or not: the metric is known, or somebody had a value."""
    for key in thresholds:
        if flagged[key].known if key in flagged else measured.values.get(key) is not None:
            yield "threshold", key


def _days(application_id: int, period: Period) -> dict[date, Tally]:
    """Return the tallies of all complete days before the period's end that the charts may learn from."""
    end = datetime.combine(period.until.astimezone(UTC).date(), time(), UTC)
    history = Filters(
        application_id=application_id, since=end - timedelta(days=MOST_HISTORY + HORIZON), until=end
    )  # fmt: skip
    return {date.fromisoformat(day): tally for day, tally in read_tallies(history, by="day").items()}


def _flagged(filters: Filters, key: str, limit: float, known: int) -> Flagged:
    rows = named_filters(rows_of(key, limit), filters)
    counted = ConversationFact.objects.filter(rows.condition()).aggregate(
        conversations=Count("id"), users=Count("unit_hash", distinct=True)
    )
    return Flagged(counted["conversations"], counted["users"], known)


def _degradation(application_id: int, metric: str, days: Mapping[date, Tally], period: Period) -> Degradation:
    usable = daily_means(days, metric)
    # The same application and metric draw the same resamples: a chart must not waver from one look to the next.
    seed = zlib.crc32(f"{application_id}:{metric}".encode())
    chart = watch(usable, direction=REGISTRY[metric].direction, seed=seed)
    if chart.began is None:
        return Degradation(metric, chart)
    began = datetime.combine(chart.began, time(), UTC)
    since = Filters(application_id=application_id, since=began, until=period.until)
    earlier = since.between(began - timedelta(days=WARM_UP), began)
    parts = [
        part
        for dimension in _CARRIERS
        for part in split_change(
            dimension, _moments(earlier, dimension, metric), _moments(since, dimension, metric), unit=SCORE
        )
    ]
    return Degradation(metric, chart, tuple(sorted(parts, key=lambda part: -part.share)))


def _moments(filters: Filters, dimension: str, metric: str) -> dict[str, Moments]:
    return {level: WATCHED[metric](tally) for level, tally in read_tallies(filters, by=dimension).items()}
