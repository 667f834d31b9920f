"""What changes for everybody at once did: read before and after, as strongly as the data lets. Call inside tenant(...).

Nobody drew lots for them. Beside untouched applications they are grade B (difference in differences), alone C (against
placebo dates where there is history enough, else plainly). Where another change of ours falls into the same days,
before and after cannot tell the two apart: such an effect is in no total, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from django.db.models import F, Min, Q

from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.domain.tally import Tally
from apps.evaluations.models import ConversationFact, DailyRollup
from apps.evaluations.selectors import Filters
from apps.evaluations.selectors.metrics import read_tally
from apps.experiments.domain.measures import MEASURES
from apps.experiments.domain.sides import Side
from apps.experiments.domain.statistics import Summary, compare
from apps.experiments.models import Experiment
from apps.experiments.selectors.comparisons import compare_sides
from apps.experiments.selectors.experiments import current_phase
from apps.improvements.models import Improvement
from apps.organizations.models import Application
from apps.reports.domain.findings import Decided, Finding, exact
from apps.reports.domain.months import next_midnight
from apps.reports.domain.roi.model import Grade
from apps.reports.selectors.effects import EVIDENCE, read_always, took_part

State = Improvement.State
# Their security finding is read by hand: attacks are few, and nobody's unit.
_BLOCKED = "block_rate"
_LONGEST = timedelta(days=28)
# Whole weeks: a Monday is no control for a Sunday.
_FEWEST_DAYS = 7
_ALPHA = 0.05
_A_DAY = timedelta(days=1)


def decided_without_trial(application: Application, *, at: datetime, limit: int = 500) -> list[Decided]:
    """Return the improvements that went to everybody at once, those taken back since among them."""
    states = (State.DEPLOYED, State.RETIRED, State.ROLLED_BACK)
    rows = Improvement.objects.select_related("prompt").filter(
        application=application, state__in=states, experiment=None, started_at__isnull=False
    )
    always = read_always(application)
    return [_decided(application, each, always, at) for each in rows.order_by("id")[:limit]]


@dataclass(frozen=True)
class _Change:
    """Another change of ours: from when until when it moved what people met."""

    name: str
    began: datetime
    ended: datetime


def _decided(application: Application, improvement: Improvement, always: tuple[str, ...], at: datetime) -> Decided:
    started = improvement.started_at
    assert started is not None
    taken_back = improvement.ended_at if improvement.state != State.DEPLOYED else None
    begins = next_midnight(started)
    blocked = _block_rate(application, started, begins, min(at, taken_back or at, begins + _LONGEST))
    metrics = [metric for metric in dict.fromkeys([improvement.judged_by.get("metric"), *always])
               if metric in MEASURES and metric != _BLOCKED]  # fmt: skip
    return Decided(
        source_kind="before_after", source_id=improvement.public_id, improvement_id=improvement.id,
        name=improvement.key, state=improvement.state, scope=f"prompt {improvement.prompt.name}",
        trial=improvement.public_id, decided_at=started, holds_from=begins, held_until=taken_back,
        findings=(blocked, *_before_and_after(application, improvement, metrics, at, taken_back)),
    )  # fmt: skip


def _before_and_after(
    application: Application, improvement: Improvement, metrics: Sequence[str], at: datetime, until: datetime | None
) -> list[Finding]:
    started = improvement.started_at
    assert started is not None
    begins = next_midnight(started)
    first = max(_first_data(application, begins), (begins if begins == started else begins - _A_DAY) - _LONGEST)
    last = min(begins + _LONGEST, until or at, at).replace(hour=0, minute=0, second=0, microsecond=0)
    others = _others(application, improvement, first, last)
    for each in others:
        if each.ended <= started:
            first = max(first, next_midnight(each.ended))
        elif each.began >= begins:
            last = min(last, each.began.replace(hour=0, minute=0, second=0, microsecond=0))
        else:
            last = begins
    before = Side("period", "", first.date(), (begins if begins == started else begins - _A_DAY).date() - _A_DAY)
    after = Side("period", "", begins.date(), last.date() - _A_DAY)
    if min(before.days, after.days) < _FEWEST_DAYS:
        return [_unknown(metric, _why(others, before, after)) for metric in metrics]
    touched = _applications_of(first, last)
    return [_compared(application, metric, before, after, touched, at) for metric in metrics]


def _compared(
    application: Application, metric: str, before: Side, after: Side, touched: list[int], at: datetime
) -> Finding:
    found = compare_sides(
        organization_id=application.organization_id, metric=metric, a=before, b=after, at=at, application=application,
        touched=touched,
    )  # fmt: skip
    contrast, (one, two) = found.contrast, found.sides
    if contrast.difference is None or contrast.interval is None:
        return _unknown(metric, "too few conversations to measure it, before or after")
    return Finding(
        metric=metric, grade=Grade.CONCURRENT if contrast.grade == "B" else Grade.BEFORE_AFTER,
        effect=exact(contrast.difference), low=exact(contrast.interval[0]), high=exact(contrast.interval[1]),
        falls_are_gains=REGISTRY[metric].direction == "decrease", selected=False, n=one.n + two.n,
        treated=Decimal(round(two.d_sum)), reach=Decimal(1),
        evidence=_evidence(Q(application=application, day__gte=after.since, day__lte=after.until)),
    )  # fmt: skip


def _unknown(metric: str, why: str) -> Finding:
    return Finding(
        metric=metric, grade=Grade.BEFORE_AFTER, effect=None, low=None, high=None,
        falls_are_gains=REGISTRY[metric].direction == "decrease", selected=False, n=0, treated=Decimal(0),
        reach=Decimal(1), why=why,
    )  # fmt: skip


def _why(others: Sequence[_Change], before: Side, after: Side) -> str:
    days = f"there are {max(before.days, 0)} and {max(after.days, 0)}"
    if not others:
        return f"{_FEWEST_DAYS} days before and after are needed, {days}"
    names = ", ".join(list(dict.fromkeys(each.name for each in others))[:3])
    words = (
        f"before and after cannot tell it from other changes of these days ({names}): {_FEWEST_DAYS} days on each side"
    )
    return f"{words} are needed in which nothing else changed, {days}"[:300]


def _block_rate(application: Application, started: datetime, begins: datetime, until: datetime) -> Finding:
    length = min(_LONGEST, max(until - begins, _A_DAY))
    before_end = begins if begins == started else begins - _A_DAY
    before = read_tally(Filters(application_id=application.id, since=before_end - length, until=before_end))
    after = read_tally(Filters(application_id=application.id, since=begins, until=begins + length))
    arms = [_attacks(each) for each in (before, after)]
    few = min(arms[0].n, arms[1].n) < 2
    found = None if few else compare(arms[0], arms[1], metric="proportion", alpha=_ALPHA, method="fixed")
    interval = found.interval if found else None
    return Finding(
        metric=_BLOCKED, grade=Grade.BEFORE_AFTER, effect=exact(found.difference) if found and interval else None,
        low=exact(interval[0]) if interval else None, high=exact(interval[1]) if interval else None,
        falls_are_gains=False, selected=False, n=arms[0].n + arms[1].n, treated=Decimal(arms[1].n), reach=Decimal(1),
        evidence=_evidence(Q(application=application, started_at__gte=begins, started_at__lt=begins + length)
                           & (Q(attacks_blocked__gt=0) | Q(attacks_succeeded__gt=0))),
        why="" if interval else "too few attacks whose outcome is known, before or after",
    )  # fmt: skip


def _attacks(tally: Tally) -> Summary:
    return Summary.of_successes(tally.attacks_blocked, tally.attacks_blocked + tally.attacks_succeeded)


def _others(application: Application, improvement: Improvement, first: datetime, last: datetime) -> list[_Change]:
    """Return what else of ours moved the application's conversations in these days, oldest first."""
    found = []
    tried = Experiment.objects.filter(started_at__lt=last).filter(Q(ended_at=None) | Q(ended_at__gt=first))
    for each in tried.order_by("started_at")[:200]:
        phase = current_phase(each)
        if each.started_at is not None and phase is not None and took_part(application, phase):
            found.append(_Change(each.name, each.started_at, each.ended_at or last))
    untried = Improvement.objects.filter(application=application, experiment=None, started_at__lt=last)
    for other in untried.exclude(id=improvement.id).order_by("started_at")[:200]:
        assert other.started_at is not None
        moments = [other.started_at]
        if other.state != State.DEPLOYED and other.ended_at is not None:
            moments.append(other.ended_at)
        found += [_Change(other.key, moment, moment) for moment in moments if first < moment < last]
    return sorted(found, key=lambda each: each.began)


def _applications_of(first: datetime, last: datetime) -> list[int]:
    """Return the applications in which a change for everybody began, or was taken back, in these days."""
    moved = Q(started_at__gte=first, started_at__lt=last)
    moved |= Q(ended_at__gte=first, ended_at__lt=last, ended_at__gt=F("started_at"))
    rows = Improvement.objects.filter(moved, experiment=None, started_at__isnull=False)
    return list(rows.values_list("application_id", flat=True).distinct())


def _first_data(application: Application, otherwise: datetime) -> datetime:
    day = DailyRollup.objects.filter(application=application).aggregate(first=Min("day"))["first"]
    return otherwise if day is None else datetime.combine(day, time(), UTC)


def _evidence(condition: Q) -> tuple[int, ...]:
    rows = ConversationFact.objects.filter(condition).order_by("conversation_id")
    return tuple(rows.values_list("conversation_id", flat=True)[:EVIDENCE])
