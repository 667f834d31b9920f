"""What cannot wait for a cycle: attacks that succeed are told of while they happen, not at the period's end."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Sum

from apps.evaluations.models import ConversationFact
from apps.evaluations.selectors import Filters
from apps.insights.domain.evidence import Found
from apps.insights.domain.measured import weight_of
from apps.insights.domain.signals import Figures, Period, Signal
from apps.insights.selectors.evidence import choose_evidence
from apps.insights.services.stories import end_events, record_event
from apps.organizations.models import Application, Organization
from apps.platform import clock, work
from apps.platform.tenancy import tenant

LOOK = "insights.look_live"
METRIC = "successful_attacks"
WINDOW = timedelta(days=1)
# Sightings of one hour are one.
_HOUR = timedelta(hours=1)


def look_live(*, organization_id: int, application_id: int) -> None:
    """Open, continue or end the story of attacks that succeeded in an application's last day; asked for by analysis."""
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        application = Application.objects.filter(id=application_id).first()
        if application is None:
            return
        at = clock.now(organization)
        until = _next_hour(at)
        period = Period(until - WINDOW, until)
        found = _find(Filters(application_id=application_id, since=period.since, until=period.until))
        if found is None:
            end_events(key=METRIC, application=application, at=at)
            return
        record_event(application=application, found=found, period=period, at=at)
        # Where nothing more succeeds nothing more asks: this look ends the story.
        work.ask(LOOK, organization_id=organization_id, key=str(application_id), delay=WINDOW + _HOUR)


def _find(filters: Filters) -> Found | None:
    facts = ConversationFact.objects.filter(filters.condition())
    seen = facts.aggregate(
        n=Sum("attacks_succeeded"), users=Count("unit_hash", distinct=True), conversations=Count("id")
    )  # fmt: skip
    hit = facts.filter(attacks_succeeded__gt=0).aggregate(
        users=Count("unit_hash", distinct=True), conversations=Count("id")
    )  # fmt: skip
    if not seen["n"]:
        return None
    signal = Signal(
        kind="event",
        key=METRIC,
        metric=METRIC,
        severity=weight_of(METRIC),
        title=f"{seen['n']:,} attack{'s' if seen['n'] != 1 else ''} succeeded within a day",
        figures=Figures(
            value=float(seen["n"]), unit="attacks", n=seen["conversations"],
            detail={"conversations": hit["conversations"], "users": hit["users"], "n_counts": "conversations"},
        ),
        rows={"outcome": "succeeded"},
    )  # fmt: skip
    return Found(signal, choose_evidence(signal, filters))


def _next_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + _HOUR
