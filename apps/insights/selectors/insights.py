"""Reads of insights. Call inside tenant(...). The web process reads; looking for them is looking.py's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.insights.domain.signals import SEVERITIES
from apps.insights.models import Comment, Evidence, Insight, Sighting

# The word for every state in which what was found goes on.
LIVE = "live"
STATES = (*Insight.State.values, LIVE)


@dataclass(frozen=True)
class Wanted:
    """Which insights a list is of. Empty words and None do not filter."""

    application_id: int | None = None
    state: str = ""
    kind: str = ""
    severity: str = ""
    team: str = ""
    metric: str = ""

    def rows(self) -> QuerySet[Insight]:
        """Return the insights wanted, with their applications."""
        rows: QuerySet[Insight] = Insight.objects.select_related("application")
        if self.application_id is not None:
            rows = rows.filter(application_id=self.application_id)
        if self.state:
            rows = rows.filter(state__in=Insight.LIVE if self.state == LIVE else [self.state])
        for name in ("kind", "severity", "team", "metric"):
            if value := getattr(self, name):
                rows = rows.filter(**{name: value})
        return rows


def find_insight(public_id: str) -> Insight | None:
    """Return the insight of this id with its application."""
    return Wanted().rows().filter(public_id=public_id).first()


def list_insights(wanted: Wanted, *, before: int | None, limit: int) -> list[Insight]:
    """Return a page, newest first."""
    rows = wanted.rows()
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def gravest(wanted: Wanted, *, limit: int) -> list[Insight]:
    """Return insights, the gravest first and of those the newest; of the newest thousand."""
    found = list(wanted.rows().order_by("-id")[:1000])
    return sorted(found, key=lambda each: (-SEVERITIES.index(each.severity), -each.id))[:limit]


def live_insights(application_id: int) -> list[Insight]:
    """Return everything that goes on in an application, oldest first."""
    return list(Wanted(application_id=application_id, state=LIVE).rows().order_by("id"))


def sightings_of(insight: Insight, *, limit: int = 60) -> list[Sighting]:
    """Return what its periods showed, newest first."""
    return list(Sighting.objects.filter(insight=insight).order_by("-until")[:limit])


def evidence_of(insight: Insight, *, limit: int = 50) -> list[Evidence]:
    """Return the conversations that stand for it, with them, in the order they were chosen."""
    return list(Evidence.objects.select_related("conversation").filter(insight=insight).order_by("place")[:limit])


def evidence_by_insight(insights: Sequence[Insight], *, each: int) -> dict[int, list[str]]:
    """Return the session ids that stand for each insight, at most so many of each; one query."""
    found: dict[int, list[str]] = {insight.id: [] for insight in insights}
    rows = Evidence.objects.filter(insight_id__in=list(found), place__lt=each).order_by("insight_id", "place")
    for insight_id, session_id in rows.values_list("insight_id", "conversation__session_id"):
        found[insight_id].append(session_id)
    return found


def comments_of(insight: Insight) -> list[Comment]:
    """Return what people said about it, first first."""
    return list(Comment.objects.filter(insight=insight).order_by("id")[:200])


def earlier_stories(insight: Insight) -> list[Insight]:
    """Return the stories of the same thing that ended before this one began, newest first."""
    rows = Insight.objects.filter(application_id=insight.application_id, kind=insight.kind, key=insight.key)
    return list(rows.filter(id__lt=insight.id).order_by("-id")[:5])
