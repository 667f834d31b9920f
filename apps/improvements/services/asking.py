"""Which insight a fired trigger speaks of: the one that tells of its metric already, or a story of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.evaluations.domain.expressions import metrics_in
from apps.evaluations.selectors import Filters
from apps.improvements.domain.triggers import Asked, Showing, Trigger, tell, unknown
from apps.insights.domain.evidence import Found
from apps.insights.domain.signals import SEVERITIES
from apps.insights.models import Insight
from apps.insights.selectors.evidence import choose_evidence
from apps.insights.selectors.insights import live_insights
from apps.insights.services.stories import TRIGGER, record_triggers
from apps.organizations.models import Application

# What says that something is wrong, the plainest first. A driver is an association and an odd day is one day: neither
# is a reason to change a prompt for everybody.
_SPEAKS = ("threshold", "pattern", "degradation", "trend")


def insights_of_triggers(
    *,
    application: Application,
    triggers: Sequence[Trigger],
    firing: Sequence[Trigger],
    showing: Showing,
    at: datetime,
    cycle_id: str,
) -> list[Insight]:
    """Return what goes on in this period that a proposal may answer; every fired trigger has at least one.

    A fired trigger that nothing tells of yet opens a story of its own; one that no longer fires ends it. Call inside
    tenant(...).
    """
    now = [each for each in live_insights(application.id) if _speaks(each, showing)]
    told = {each.key for each in now if each.key.startswith(TRIGGER)}
    signals = [
        tell(trigger, f"{TRIGGER}{trigger.text}", showing)
        for trigger in firing
        if f"{TRIGGER}{trigger.text}" in told or not _told_by(trigger, now)
    ]
    period = showing.period
    filters = Filters(application_id=application.id, since=period.since, until=period.until)
    recorded = record_triggers(
        application=application,
        period=period,
        fired=[Found(each, choose_evidence(each, filters)) for each in signals],
        unknown=[f"{TRIGGER}{trigger.text}" for trigger in unknown(triggers, showing.values)],
        at=at,
        cycle_id=cycle_id,
    )
    mine = {each.id for each in recorded.seen}
    return [*recorded.seen, *(each for each in now if each.id not in mine and not each.key.startswith(TRIGGER))]


def speaking_of(asked: Asked, insights: Sequence[Insight]) -> list[Insight]:
    """Return the insights that tell of what a bundle was asked for, first the one it answers."""
    own = {f"{TRIGGER}{text}" for text in asked.triggers}
    about = [each for each in insights if each.metric in asked.metrics or each.key in own]
    return sorted(
        about,
        key=lambda each: (each.key in own, _SPEAKS.index(each.kind), -SEVERITIES.index(each.severity), each.id),
    )


def _speaks(insight: Insight, showing: Showing) -> bool:
    if insight.kind not in _SPEAKS:
        return False
    if insight.key.startswith(TRIGGER):
        return True
    if insight.until != showing.period.until:
        return False
    return insight.kind != "trend" or insight.figures["detail"]["verdict"] == "worsening"


def _told_by(trigger: Trigger, insights: Sequence[Insight]) -> bool:
    told = {each.metric for each in insights if not each.key.startswith(TRIGGER)}
    return set(metrics_in(trigger.expression)) <= told
