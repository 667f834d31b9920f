"""What a period has to say: every signal with its evidence, and how the degradation charts stand."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Count

from apps.evaluations.domain.moments import Moments
from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.domain.tally import SCORE, Tally
from apps.evaluations.filtering import parse_filters
from apps.evaluations.models import ConversationFact
from apps.evaluations.selectors import Filters, read_tallies, read_tally
from apps.insights.domain.anomalies import find_anomalies
from apps.insights.domain.carriers import Part, split_change
from apps.insights.domain.degradation import HORIZON, MOST_HISTORY, WARM_UP, Chart, DailyMean, watch
from apps.insights.domain.drivers import find_drivers
from apps.insights.domain.evidence import Candidate, choose
from apps.insights.domain.measured import measure
from apps.insights.domain.patterns import find_patterns
from apps.insights.domain.signals import Period, Signal
from apps.insights.domain.thresholds import Flagged, cross, rows_of
from apps.insights.domain.trends import find_trends

EVIDENCE = 50
# Candidates looked at for so many pieces of evidence: a flood by one user must not hide everybody else.
_CANDIDATES = 5000
_LEVELS = ("prompt_version", "model", "channel")
_CARRIERS = ("prompt_version", "agent", "channel")


@dataclass(frozen=True)
class Found:
    """A signal and the conversations that stand for it, newest first, no user beyond their share."""

    signal: Signal
    evidence: tuple[Candidate, ...]


@dataclass(frozen=True)
class Degradation:
    """How the chart of one metric stands; when degraded, who carries it, the largest part first."""

    metric: str
    chart: Chart
    carried_by: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Look:
    """Everything one look at an application's period found."""

    conversations: int
    found: tuple[Found, ...]
    degradations: tuple[Degradation, ...]


def look(
    *, application_id: int, period: Period, thresholds: Mapping[str, float], new_attack_patterns: int | None = None
) -> Look:
    """Return what the period says, compared with as long a period before it. Call inside tenant(...).

    ``thresholds`` are by the registry's names; raises KeyError for one it does not have.
    """
    filters = Filters(application_id=application_id, since=period.since, until=period.until)
    now = read_tally(filters)
    before = read_tally(filters.between(period.before.since, period.before.until))
    days = _days(application_id, period)
    measured = measure(now, before=before, new_attack_patterns=new_attack_patterns, period_days=period.days)
    flagged = {
        key: _flagged(filters, key, limit, measured.n(key))
        for key, limit in thresholds.items()
        if REGISTRY[key].flags is not None
    }
    signals = [
        *cross(thresholds, measured, flagged),
        *find_patterns(now, before),
        *find_trends(now, before, period_days=period.days),
        *find_drivers(now, {name: read_tallies(filters, by=name) for name in _LEVELS}),
        *find_anomalies(days, since=period.since.date(), until=period.until.date()),
    ]
    return Look(
        conversations=now.conversations,
        found=tuple(Found(signal, _evidence(filters, signal)) for signal in signals),
        degradations=tuple(_degradation(application_id, metric, days, period) for metric in _CHARTS),
    )


def _days(application_id: int, period: Period) -> dict[date, Tally]:
    """Return the tallies of all complete days before the period's end that the charts may learn from."""
    end = datetime.combine(period.until.astimezone(UTC).date(), time(), UTC)
    history = Filters(
        application_id=application_id, since=end - timedelta(days=MOST_HISTORY + HORIZON), until=end
    )  # fmt: skip
    return {date.fromisoformat(day): tally for day, tally in read_tallies(history, by="day").items()}


def _flagged(filters: Filters, key: str, limit: float, known: int) -> Flagged:
    rows = _named(filters, rows_of(key, limit))
    counted = ConversationFact.objects.filter(rows.condition()).aggregate(
        conversations=Count("id"), users=Count("unit_hash", distinct=True)
    )
    return Flagged(counted["conversations"], counted["users"], known)


def _named(filters: Filters, rows: Mapping[str, str]) -> Filters:
    """Return the filters a signal's rows name, within the period unless they name a time of their own."""
    named = parse_filters(rows, application_id=filters.application_id)
    return named.between(named.since or filters.since, named.until or filters.until)


def _evidence(filters: Filters, signal: Signal) -> tuple[Candidate, ...]:
    facts = ConversationFact.objects.filter(_named(filters, signal.rows).condition())
    columns = facts.order_by("-started_at", "-conversation_id").values_list(
        "conversation_id", "session_id", "unit_hash"
    )
    candidates = [Candidate(*row) for row in columns[:_CANDIDATES]]
    return tuple(
        choose(candidates, limit=EVIDENCE, anonymous_are_one=any(candidate.user for candidate in candidates))
    )  # fmt: skip


def _score(tally: Tally) -> Moments:
    return tally.score


def _escalated(tally: Tally) -> Moments:
    # A conversation counts 0 or 1, whose square is itself.
    k = tally.escalations_done
    return Moments(tally.conversations, k * SCORE, k * SCORE * SCORE)


_CHARTS = {"avg_quality_score": _score, "escalation_rate": _escalated}


def _degradation(application_id: int, metric: str, days: Mapping[date, Tally], period: Period) -> Degradation:
    series = [_daily(day, _CHARTS[metric](tally)) for day, tally in sorted(days.items())]
    usable = [each for each in series if each is not None]
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
    return {level: _CHARTS[metric](tally) for level, tally in read_tallies(filters, by=dimension).items()}


def _daily(day: date, moments: Moments) -> DailyMean | None:
    mean, variance = moments.mean(SCORE), moments.variance(SCORE)
    return None if mean is None or variance is None else DailyMean(day, moments.n, mean, variance)
