"""What conversations are about: topics by volume and quality. Call inside tenant(...)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery, Sum

from apps.evaluations.domain.moments import Moments
from apps.evaluations.domain.topics import FEWEST, LOOKED_AT_DAYS
from apps.evaluations.models import ConversationFact, Topic, TopicDay, TopicModel
from apps.evaluations.selectors.filters import Filters

# The newest conversations among which an application that has enough of them shows.
_LOOKED_THROUGH = 20 * FEWEST


@dataclass(frozen=True)
class TopicCounts:
    """A topic in a period. ``score`` is in thousandths; ``key`` is '' for what is of no topic."""

    key: str
    label: str
    application: str
    application_slug: str
    conversations: int
    escalated: int
    score: Moments


@dataclass(frozen=True)
class TopicsOfPeriod:
    """The topics of a period, most talked about first, and last what is of none.

    ``seen`` conversations were looked at in the period. ``learned_at`` is when topics were last found, None where
    they never were; ``young`` conversations (``needed`` at most) are then there to find some in.
    """

    topics: tuple[TopicCounts, ...]
    seen: int
    learned_at: datetime | None
    young: int = 0
    needed: int = FEWEST


def read_topics(filters: Filters, *, at: datetime) -> TopicsOfPeriod:
    """Return the topics of an application, or of all, in the whole days of a period; one query where there are some."""
    days = TopicDay.objects.filter(_of(filters))
    if filters.since is not None:
        days = days.filter(day__gte=filters.since.astimezone(UTC).date())
    if filters.until is not None:
        days = days.filter(day__lt=filters.until.astimezone(UTC).date())
    named = Topic.objects.filter(key=OuterRef("topic"))
    rows = days.values("topic", name=F("application__name"), slug=F("application__slug")).annotate(
        *(Sum(column) for column in ("conversations", "escalated", "scored", "score", "score_squares")),
        words=Subquery(named.values("words")[:1]),
        found_at=Subquery(named.values("last_found_at")[:1]),
    )
    found = list(rows)
    topics = [_counts(row) for row in found if row["words"]]
    if none := [_counts(row | {"name": "", "slug": ""}) for row in found if not row["words"]]:
        topics.append(reduce(_together, none))
    learned_at = max((row["found_at"] for row in found if row["found_at"]), default=None)
    if learned_at is None:
        models = TopicModel.objects.filter(_of(filters), model__isnull=False)
        learned_at = models.order_by("-fitted_at").values_list("fitted_at", flat=True).first()
    return TopicsOfPeriod(
        topics=tuple(sorted(topics, key=lambda each: (not each.key, -each.conversations, each.key))),
        seen=sum(each.conversations for each in topics),
        learned_at=learned_at,
        young=0 if learned_at else _most_young(filters, at - timedelta(days=LOOKED_AT_DAYS)),
    )


def _counts(row: dict[str, Any]) -> TopicCounts:
    return TopicCounts(
        key=row["topic"] if row["words"] else "",
        label=Topic(words=row["words"] or []).label,
        application=row["name"],
        application_slug=row["slug"],
        conversations=row["conversations__sum"],
        escalated=row["escalated__sum"],
        score=Moments(row["scored__sum"], row["score__sum"], row["score_squares__sum"]),
    )


def _together(one: TopicCounts, other: TopicCounts) -> TopicCounts:
    return replace(
        one,
        conversations=one.conversations + other.conversations,
        escalated=one.escalated + other.escalated,
        score=one.score.merge(other.score),
    )


def topic_labels(keys: Iterable[str]) -> dict[str, str]:
    """Return the names of topics by their keys; one that is not there is left out."""
    return {topic.key: topic.label for topic in Topic.objects.filter(key__in=[key for key in keys if key])}


def _of(filters: Filters) -> Q:
    return Q() if filters.application_id is None else Q(application_id=filters.application_id)


def _most_young(filters: Filters, since: datetime) -> int:
    """Return how many conversations since then the application has, FEWEST at most; of several, the largest's."""
    rows = ConversationFact.objects.filter(_of(filters), started_at__gte=since).order_by("-started_at")
    counts = Counter(rows.values_list("application_id", flat=True)[:_LOOKED_THROUGH])
    return min(FEWEST, max(counts.values(), default=0))
