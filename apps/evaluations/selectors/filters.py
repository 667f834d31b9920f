"""Which conversations a list, a metric or a report is about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time

from django.db.models import Q

from apps.ingestion.selectors import search

_EQUAL = ("application_id", "agent", "channel", "variant", "prompt_version", "model", "environment", "upsell", "churn",
          "topic")  # fmt: skip
_SLICED = ("application_id", "agent", "channel", "variant", "prompt_version")
_UNSLICED = ("model", "environment", "upsell", "churn", "tag", "topic", "pattern", "finding", "outcome", "min_risk",
             "max_quality", "max_value", "escalated", "enterprise_lead", "attacked", "known", "session_ids",
             "q")  # fmt: skip
# What must be known of a conversation for it to stand behind a mean or a quantile.
KNOWN = {
    "risk": Q(risk_score__gt=0),
    "quality": Q(quality_score__isnull=False),
    "value": ~Q(value=0),
    "resolution": ~Q(resolution="unknown"),
    # Facts leave out what they do not know.
    "resolution_time": Q(fact__has_key="resolution_time_s"),
    "csat": Q(fact__has_key="csat"),
    "reply_time": Q(fact__has_key="reply_times_ms"),
    "tokens": Q(fact__has_key="tokens"),
    "cost": Q(fact__has_key="cost"),
}


# A fact lists what was found in its conversation: what has a risk, an attack or a leak has some. Few have, and those
# have an index of their own.
FOUND = ~Q(findings=[])


@dataclass(frozen=True)
class Filters:
    """Which conversations; None does not filter.

    ``since`` is included, ``until`` is not; both are aware. ``known`` is a key of KNOWN.
    """

    application_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    agent: str | None = None
    channel: str | None = None
    variant: str | None = None
    prompt_version: str | None = None
    model: str | None = None
    environment: str | None = None
    tag: str | None = None
    topic: str | None = None
    pattern: str | None = None
    finding: str | None = None
    outcome: str | None = None
    upsell: str | None = None
    churn: str | None = None
    min_risk: float | None = None
    max_quality: float | None = None
    max_value: float | None = None
    escalated: bool | None = None
    enterprise_lead: bool | None = None
    attacked: bool | None = None
    known: str | None = None
    q: str | None = None
    session_ids: tuple[str, ...] | None = None

    def condition(self) -> Q:
        """Return the filter on ConversationFact."""
        found = Q()
        for name in _EQUAL:
            if (value := getattr(self, name)) is not None:
                found &= Q(**{name: value})
        if self.since is not None:
            found &= Q(started_at__gte=self.since)
        if self.until is not None:
            found &= Q(started_at__lt=self.until)
        if self.session_ids is not None:
            found &= Q(session_id__in=self.session_ids)
        if self.min_risk is not None:
            found &= Q(risk_score__gte=self.min_risk)
        if self.max_quality is not None:
            found &= Q(quality_score__lt=self.max_quality)
        if self.max_value is not None:
            found &= Q(value__lte=self.max_value)
        for name, column in (("tag", "tags"), ("pattern", "patterns"), ("finding", "findings")):
            if (value := getattr(self, name)) is not None:
                found &= Q(**{f"{column}__contains": [value]})
        if self.q is not None:
            found &= Q(conversation_id__in=search(self.q)) | Q(session_id=self.q)
        if self.outcome is not None:
            found &= Q(**{f"attacks_{self.outcome}__gt": 0})
        for name in ("escalated", "enterprise_lead"):
            if (value := getattr(self, name)) is not None:
                found &= Q(**{name: value})
        if self.attacked is False:
            found &= Q(attacks=0)
        if self.known is not None:
            found &= KNOWN[self.known]
        if self.outcome is not None or self.attacked:
            found &= Q(attacks__gt=0)
        if self.finding is not None or (self.min_risk or 0) > 0:
            found &= FOUND
        return found

    def slice_condition(self) -> Q | None:
        """Return the filter on DailyRollup; None where only facts can answer."""
        if any(getattr(self, name) is not None for name in _UNSLICED):
            return None
        if not _is_midnight(self.since) or not _is_midnight(self.until):
            return None
        found = Q()
        for name in _SLICED:
            if (value := getattr(self, name)) is not None:
                found &= Q(**{name: value})
        if self.since is not None:
            found &= Q(day__gte=self.since.astimezone(UTC).date())
        if self.until is not None:
            found &= Q(day__lt=self.until.astimezone(UTC).date())
        return found

    def between(self, since: datetime | None, until: datetime | None) -> Filters:
        """Return the same filters over another period."""
        return replace(self, since=since, until=until)


def _is_midnight(moment: datetime | None) -> bool:
    return moment is None or moment.astimezone(UTC).time() == time()
