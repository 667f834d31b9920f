"""Stories are opened, continued and ended by what a look at a period found. A look repeated changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from apps.ingestion.models import Conversation
from apps.insights.domain.evidence import Candidate, Found
from apps.insights.domain.signals import SEVERITIES, Period, Signal
from apps.insights.domain.stories import course, plain
from apps.insights.models import Evidence, Insight, Sighting
from apps.insights.services.alerting import raise_alerts
from apps.organizations.models import Application
from apps.organizations.services import record_audit
from apps.platform import outbox
from apps.platform.identifiers import new_identifier

if TYPE_CHECKING:
    from apps.insights.selectors.looking import Condition, Look

# Rules read by a clock are actors too: this is the one they write into the audit trail.
WHEEL = "flywheel"
# A trigger's own story is a threshold with this before its text; a look does not judge it, the trigger does.
TRIGGER = "trigger: "


@dataclass(frozen=True)
class Recorded:
    """What a look did to an application's stories. ``seen`` are those of its findings, in their order."""

    seen: tuple[Insight, ...]
    opened: tuple[Insight, ...]
    resolved: tuple[Insight, ...]


def record_look(*, application: Application, period: Period, look: Look, at: datetime, cycle_id: str = "") -> Recorded:
    """Write what a look found: new stories opened, known ones continued, those whose condition is gone ended.

    Only a condition the look could judge ends a story, or a line that is no longer drawn. Call inside tenant(...).
    """
    live = _live(application)
    seen, opened = _tell(application, look.found, live, period=period, at=at, cycle_id=cycle_id)
    found = {(each.signal.kind, each.signal.key) for each in look.found}
    withdrawn = {
        (kind, key)
        for kind, key in live
        if kind == "threshold" and not key.startswith(TRIGGER) and key not in look.thresholds
    }
    return Recorded(seen, opened, _end(live, (look.judged | withdrawn) - found, period=period, at=at))


def record_triggers(
    *,
    application: Application,
    period: Period,
    fired: Iterable[Found],
    unknown: Collection[str],
    at: datetime,
    cycle_id: str = "",
) -> Recorded:
    """Write the stories of triggers: ``fired`` ones with what they show; those neither fired nor ``unknown`` end.

    ``unknown`` are the keys of triggers that could not be judged. Call inside tenant(...).
    """
    live, fired = _live(application), tuple(fired)
    seen, opened = _tell(application, fired, live, period=period, at=at, cycle_id=cycle_id)
    kept = {each.signal.key for each in fired} | set(unknown)
    gone = {(kind, key) for kind, key in live if key.startswith(TRIGGER) and key not in kept}
    return Recorded(seen, opened, _end(live, gone, period=period, at=at))


def record_event(*, application: Application, found: Found, period: Period, at: datetime) -> Insight:
    """Write what happened between two looks: opened as a story, or the one that goes on continued. In tenant(...)."""
    seen, _ = _tell(application, [found], _live(application), period=period, at=at, cycle_id="")
    return seen[0]


def end_events(*, key: str, at: datetime, application: Application | None = None) -> tuple[Insight, ...]:
    """End what goes on under this key, in one application or (None) in all: its cause is gone. In tenant(...)."""
    rows = Insight.objects.select_for_update(of=("self",)).select_related("application")
    found = rows.filter(kind="event", key=key, state__in=Insight.LIVE)
    if application is not None:
        found = found.filter(application=application)
    return tuple(_finish(insight, at=at) for insight in found.order_by("id"))


def _live(application: Application) -> dict[Condition, Insight]:
    """Return the application's stories that go on. Two looks at one application take turns here."""
    Application.objects.select_for_update().get(id=application.id)
    rows = Insight.objects.select_related("application").filter(application=application, state__in=Insight.LIVE)
    return {(each.kind, each.key): each for each in rows}


def _tell(
    application: Application,
    found: Iterable[Found],
    live: dict[Condition, Insight],
    *,
    period: Period,
    at: datetime,
    cycle_id: str,
) -> tuple[tuple[Insight, ...], tuple[Insight, ...]]:
    seen, opened = [], []
    for each in found:
        insight = live.get((each.signal.kind, each.signal.key))
        if insight is None:
            insight = _open(application, each.signal, period=period, at=at)
            opened.append(insight)
        _sight(insight, each, period=period, at=at, cycle_id=cycle_id)
        seen.append(insight)
    return tuple(seen), tuple(opened)


def _open(application: Application, signal: Signal, *, period: Period, at: datetime) -> Insight:
    insight: Insight
    # One that ended in this very period (a second look at it, with other thresholds) goes on.
    insight, _ = Insight.objects.update_or_create(
        organization_id=application.organization_id, application=application, kind=signal.kind, key=signal.key,
        since=period.since,
        defaults={"state": Insight.State.OPEN, "resolved_at": None},
        create_defaults={
            "public_id": new_identifier("n"), "metric": signal.metric, "severity": signal.severity,
            "statement": signal.title, "figures": plain(signal.figures), "rows": dict(signal.rows),
            "newest_since": period.since, "until": period.until, "opened_at": at, "last_seen_at": at,
        },
    )  # fmt: skip
    record_audit(
        organization_id=application.organization_id, at=at, actor=WHEEL, action="insight.opened",
        subject=insight.public_id, application=application.slug, kind=signal.kind, key=signal.key,
        severity=signal.severity,
    )  # fmt: skip
    _emit("insight.opened", insight, at=at, summary=f"{signal.severity.capitalize()}: {signal.title}")
    raise_alerts(insight, why="new", at=at)
    return insight


def _sight(insight: Insight, found: Found, *, period: Period, at: datetime, cycle_id: str) -> None:
    signal, figures = found.signal, plain(found.signal.figures)
    Sighting.objects.update_or_create(
        organization_id=insight.organization_id, insight=insight, until=period.until,
        defaults={"since": period.since, "severity": signal.severity, "statement": signal.title, "figures": figures,
                  "cycle_id": cycle_id, "at": at},
    )  # fmt: skip
    insight.times_seen = Sighting.objects.filter(insight=insight).count()
    if period.until >= insight.until:
        earlier = Sighting.objects.filter(insight=insight, until__lt=period.until).order_by("-until").first()
        insight.course = (
            course(signal.kind, signal.metric, earlier.figures, figures) if earlier else Insight.Course.UNKNOWN
        )
        graver = SEVERITIES.index(signal.severity) > SEVERITIES.index(insight.severity)
        insight.severity, insight.statement, insight.figures = signal.severity, signal.title, figures
        insight.rows, insight.last_seen_at = dict(signal.rows), at
        insight.newest_since, insight.until = period.since, period.until
        _keep_evidence(insight, found.evidence)
        if graver:
            raise_alerts(insight, why=f"now {signal.severity}", at=at)
    insight.save()


def _keep_evidence(insight: Insight, chosen: tuple[Candidate, ...]) -> None:
    """Have these conversations, and no others, stand for it. Facts outlive their conversations, evidence does not."""
    ids = [each.conversation_id for each in chosen]
    there = set(Conversation.objects.filter(id__in=ids).values_list("id", flat=True))
    Evidence.objects.filter(insight=insight).delete()
    Evidence.objects.bulk_create(
        Evidence(organization_id=insight.organization_id, insight=insight, conversation_id=conversation_id, place=place)
        for place, conversation_id in enumerate(ids)
        if conversation_id in there
    )


def _end(
    live: dict[Condition, Insight], gone: Iterable[Condition], *, period: Period, at: datetime
) -> tuple[Insight, ...]:
    ended = []
    for condition in gone:
        insight = live.get(condition)
        # A look at a time before the newest sighting says nothing about whether it goes on.
        if insight is None or insight.until > period.until:
            continue
        ended.append(_finish(insight, at=at))
    return tuple(sorted(ended, key=lambda each: each.id))


def _finish(insight: Insight, *, at: datetime) -> Insight:
    insight.state, insight.resolved_at = Insight.State.RESOLVED, at
    insight.save(update_fields=["state", "resolved_at"])
    record_audit(
        organization_id=insight.organization_id, at=at, actor=WHEEL, action="insight.resolved",
        subject=insight.public_id, reason="its condition is gone",
    )  # fmt: skip
    _emit("insight.resolved", insight, at=at, summary=f"No longer so: {insight.statement}")
    return insight


def _emit(kind: str, insight: Insight, *, at: datetime, summary: str) -> None:
    outbox.emit(
        kind, key=insight.public_id, at=at, summary=summary, path=f"/insights/{insight.public_id}/",
        payload={
            "insight": insight.public_id, "application": insight.application.slug, "kind": insight.kind,
            "key": insight.key, "metric": insight.metric, "severity": insight.severity,
            "statement": insight.statement, "figures": insight.figures, "since": insight.since.isoformat(),
            "until": insight.until.isoformat(),
        },
    )  # fmt: skip
