"""Topics by volume and quality: a table of what conversations are about, and the same as CSV."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from apps.evaluations import selectors
from apps.evaluations.domain.intervals import mean_interval, wilson
from apps.evaluations.domain.moments import Moments
from apps.evaluations.domain.tally import SCORE
from apps.evaluations.selectors.topics import TopicCounts, TopicsOfPeriod
from apps.evaluations.web.files import answer
from apps.evaluations.web.periods import Period, filters_of, read_period
from apps.organizations.web.access import Access, portal_page, rows_url
from apps.platform.sheets import Sheet

_ROWS = 20
_THIN = 30
# Many conversations tell means apart that nobody would call different.
_WORTH_SAYING = 0.1
_COLUMNS = (
    "application", "topic", "words", "conversations", "share", "mean_score", "mean_score_low", "mean_score_high",
    "scored", "escalated", "escalation_rate", "escalation_rate_low", "escalation_rate_high",
)  # fmt: skip


@require_safe
@portal_page()
def quality_topics(request: HttpRequest, access: Access) -> HttpResponseBase:
    """Answer the page Quality: what conversations of the period are about, by volume and quality."""
    period = read_period(request, access)
    found = selectors.read_topics(filters_of(period, access), at=access.now)
    sheets = {"topics": partial(topic_sheet, found)} if found.topics else {}
    return answer(
        request, access, "portal/quality_topics.html", {"topics": topics_panel(found, period, access)},
        name="quality_topics", sheets=sheets, days=period.key,
    )  # fmt: skip


def topics_panel(found: TopicsOfPeriod, period: Period, access: Access) -> dict[str, Any]:
    """Return what portal/quality_topics.html shows: topics of the period, most talked about first, 20 at most.

    A topic under 30 conversations is ``thin``, and so is a score that rests on fewer. ``lowest`` is the topic that
    pulls the mean down most, by volume × gap, of those whose interval lies below the mean of all, and by a tenth of a
    point at least.
    """
    mean = _all_scores(found).mean(SCORE)
    named = [_row(each, found, period, access) for each in found.topics if each.key]
    none = next((_row(each, found, period, access) for each in found.topics if not each.key), None)
    return {
        "state": "found" if named else "warming up" if found.learned_at is None else "none",
        "rows": named[:_ROWS],
        "more": len(named[_ROWS:]),
        "none": none,
        "seen": found.seen,
        "mean": mean,
        "lowest": _lowest(named, mean),
        "young": found.young,
        "needed": found.needed,
        "missing": max(0, found.needed - found.young),
        "learned_at": found.learned_at,
        "by_application": access.application is None and len({row["application"] for row in named}) > 1,
    }


def topic_sheet(found: TopicsOfPeriod) -> Sheet:
    """Return a row for each topic of the period: counts and means, no text but the topics' own words."""
    rows = []
    for each in found.topics:
        low, high = _interval(each.score) or (None, None)
        rate_low, rate_high = wilson(each.escalated, each.conversations) or (None, None)
        rows.append(
            (
                each.application_slug, each.key, each.label, each.conversations, each.conversations / found.seen,
                each.score.mean(SCORE), low, high, each.score.n, each.escalated, each.escalated / each.conversations,
                rate_low, rate_high,
            )
        )  # fmt: skip
    return Sheet(_COLUMNS, rows)


def _row(each: TopicCounts, found: TopicsOfPeriod, period: Period, access: Access) -> dict[str, Any]:
    link = {"topic": each.key, "application": each.application_slug, **period.link}
    return {
        "label": each.label,
        "application": each.application,
        "url": rows_url("conversations", access, **link) if each.key else "",
        "n": each.conversations,
        "share": each.conversations / found.seen,
        "score": each.score.mean(SCORE),
        "score_interval": _interval(each.score),
        "score_n": each.score.n,
        "score_thin": each.score.n < _THIN,
        "escalated": each.escalated / each.conversations,
        "escalated_interval": wilson(each.escalated, each.conversations),
        "thin": each.conversations < _THIN,
    }


def _lowest(rows: list[dict[str, Any]], mean: float | None) -> dict[str, Any] | None:
    if mean is None:
        return None
    below = [
        row for row in rows
        if not row["score_thin"] and row["score_interval"] and row["score_interval"][1] < mean
        and mean - row["score"] >= _WORTH_SAYING
    ]  # fmt: skip
    return max(below, key=lambda row: row["score_n"] * (mean - row["score"]), default=None)


def _all_scores(found: TopicsOfPeriod) -> Moments:
    total = Moments()
    for each in found.topics:
        total = total.merge(each.score)
    return total


def _interval(score: Moments) -> tuple[float, float] | None:
    mean, variance = score.mean(SCORE), score.variance(SCORE)
    return None if mean is None or variance is None else mean_interval(mean, variance, score.n)
