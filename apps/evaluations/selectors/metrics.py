"""Metrics: from daily rollups where they suffice, from facts where a filter or a grouping needs them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from django.db.models import Count, DateField, Func, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Greatest

from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.metrics import SECTIONS, fields_of, metrics
from apps.evaluations.domain.tally import FIELDS, Tally, merge_all, tally
from apps.evaluations.models import ConversationFact, DailyRollup
from apps.evaluations.selectors.calibrations import read_worth, show_worth
from apps.evaluations.selectors.filters import Filters
from apps.evaluations.selectors.rollups import COLUMNS, Group, Rollups, group_key
from apps.evaluations.selectors.threat_patterns import new_patterns
from apps.evaluations.selectors.topics import topic_labels
from apps.ingestion.selectors import unassessed
from apps.platform import work

_CHUNK = 2000
_WEEK = 7
# A grouping with more groups than this answers with the largest.
MOST_GROUPS = 200
_OF_FACTS = ("tag", "model", "environment", "topic")
GROUPINGS = ("day", "week", *COLUMNS, *_OF_FACTS)

# (application, day) pairs whose rollup waits to be recomputed.
Dirty = list[tuple[int, date]]

_decode_fact = msgspec.json.Decoder(Fact).decode


def read_metrics(filters: Filters, *, currency: str = "USD", sections: Collection[str] = SECTIONS) -> dict[str, Any]:
    """Return the metrics of the conversations that pass; of some ``sections``, without users, where no others matter.

    ``pending_conversations`` are captured and not analyzed yet, whatever the other filters.
    Trends compare the period asked for with as long a period before it; without ``since``, the last seven days that
    hold data with the seven before.
    """
    source = _Source(filters, fields_of(sections), trend=True)
    return _with_trend(source, source.total(), currency, sections)


def read_sliced_metrics(
    filters: Filters,
    *,
    by: Sequence[str],
    currency: str = "USD",
    sections: Collection[str] = SECTIONS,
    most: int = MOST_GROUPS,
) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Return the metrics, and those of each group of several groupings, read in one pass; of ``sections`` only.

    Only groupings that rollups keep apart: day, week, agent, prompt_version, variant, channel. Of a grouping that is
    not by time, the ``most`` largest groups.
    """
    fields = fields_of(sections)
    source = _Source(filters, fields, by, trend=True)
    # The total is one of the groupings: of the weeks it is kept merged.
    parts: dict[str, list[tuple[str, Tally]]] = {name: [] for name in (*by, "")}
    for name, key, part in source.parts(filters, (*by, "")):
        parts[name].append((key, part))
    total = merge_all((part for _, part in parts.pop("")), fields)
    groups = {name: _ordered(name, _merged(found, fields), currency, sections, most) for name, found in parts.items()}
    return _with_trend(source, total, currency, sections), groups


def _with_trend(source: _Source, total: Tally, currency: str, sections: Collection[str]) -> dict[str, Any]:
    filters, fields = source.filters, source.fields
    recent, previous, days = _trend(source, total)
    patterns, pending = _count(new_patterns(filters), unassessed(filters.application_id))
    found = metrics(
        total,
        recent=recent,
        previous=previous,
        new_attack_patterns=patterns,
        currency=currency,
        period_days=days,
        sections=sections,
        users="users" in fields,
    )
    if "security" in sections:
        with_worth(found, filters)
    return {**found, "pending_conversations": pending}


def _count(*sets: QuerySet[Any]) -> list[int]:
    """Return how many rows each set has; one query for all."""
    first, *others = (
        rows.order_by().annotate(place=Value(place)).values("place").annotate(n=Count("*")).values_list("place", "n")
        for place, rows in enumerate(sets)
    )
    # A set without rows has no group.
    found = dict(first.union(*others, all=True))
    return [found.get(place, 0) for place in range(len(sets))]


def with_worth(found: dict[str, Any], filters: Filters) -> None:
    """Add to metrics what the detector's counts are worth: calibrated or not, and the false alarms to expect."""
    found["security"]["calibration"] = show_worth(read_worth(filters.application_id), found["conversations"])


def group_metrics(filters: Filters, *, by: str, currency: str = "USD") -> list[dict[str, Any]]:
    """Return the metrics of each group, times in order, everything else largest first. Raises KeyError for ``by``.

    A group's ``key`` is its value; a topic has its words as ``label``, too.
    """
    groups = _ordered(by, read_tallies(filters, by=by), currency)
    if by != "topic":
        return groups
    labels = topic_labels(group["key"] for group in groups)
    return [{"key": group["key"], "label": labels.get(group["key"], ""), **group} for group in groups]


def read_tallies(filters: Filters, *, by: str) -> dict[str, Tally]:
    """Return the tally of each group by its name; '' is what has none. Raises KeyError for ``by``."""
    if by not in GROUPINGS:
        raise KeyError(by)
    if by in _OF_FACTS:
        return _merged(_of_facts(filters, by))
    return _merged((key, part) for _, key, part in _Source(filters, FIELDS, (by,)).parts(filters, (by,)))


def read_tally(filters: Filters) -> Tally:
    """Return the tally of the conversations that pass; exact, also while rollups are still being recomputed."""
    return _Source(filters, FIELDS).total()


def _merged(parts: Iterable[tuple[str, Tally]], fields: Collection[str] = FIELDS) -> dict[str, Tally]:
    groups: dict[str, list[Tally]] = {}
    for key, part in parts:
        groups.setdefault(key, []).append(part)
    # Most days are one part: there is nothing to add up.
    return {key: members[0] if len(members) == 1 else merge_all(members, fields) for key, members in groups.items()}


def _ordered(
    by: str,
    groups: dict[str, Tally],
    currency: str,
    sections: Collection[str] = SECTIONS,
    most: int = MOST_GROUPS,
) -> list[dict[str, Any]]:
    if by in {"day", "week"}:
        ordered = sorted(groups.items())[-MOST_GROUPS:]
    else:
        ordered = sorted(groups.items(), key=lambda item: (-item[1].conversations, item[0]))[:most]
    users = "users" in fields_of(sections)
    return [{"key": key, **metrics(part, currency=currency, sections=sections, users=users)} for key, part in ordered]


def _trend(source: _Source, total: Tally) -> tuple[Tally | None, Tally | None, int | None]:
    filters = source.filters
    if filters.session_ids is not None:
        return None, None, None
    if filters.since is not None:
        until = filters.until or _after(total.last_day) or filters.since
        length = until - filters.since
        if length <= timedelta():
            return None, None, None
        return None, source.total(filters.between(filters.since - length, filters.since)), max(1, length.days)
    end = filters.until or _after(total.last_day)
    if end is None:
        return None, None, None
    week = timedelta(days=_WEEK)
    recent, previous = (filters.between(end - n * week, end - (n - 1) * week) for n in (1, 2))
    return source.total(recent), source.total(previous), _WEEK


def _after(day: date | None) -> datetime | None:
    return datetime.combine(day + timedelta(days=1), time(), UTC) if day else None


class _Source:
    """The conversations that pass, and for a ``trend`` those of as long a period before: one query finds the rollups of
    all, and where those do not suffice facts are read."""

    def __init__(
        self, filters: Filters, fields: Collection[str], by: Sequence[str] = (), *, trend: bool = False
    ) -> None:
        self.filters, self.fields, self._dirty = filters, fields, _dirty_days(filters)
        rows = _rollups(filters, self._dirty, trend=trend)
        self._rollups = None if rows is None else Rollups(_clean(rows, self._dirty), by, fields)

    def total(self, filters: Filters | None = None) -> Tally:
        """Return the tally of another period, that must lie within; by default of the conversations that pass."""
        return merge_all((part for _, _, part in self.parts(filters or self.filters, ("",))), self.fields)

    def parts(self, filters: Filters, by: Sequence[str]) -> Iterator[Group]:
        """Yield (grouping, key, tally), some keys more than once."""
        rows = ConversationFact.objects.filter(filters.condition())
        if self._rollups is not None:
            yield from self._rollups.groups(by, _day(filters.since), _day(filters.until))
            if not self._dirty:
                return
            rows = _dirty_facts(filters, self._dirty)
        for facts in _chunks(rows):
            for name in by:
                column = name if name in COLUMNS else "day"
                for key, part in _tallied(facts, lambda fact, of=name, at=column: (group_key(of, getattr(fact, at)),)):
                    yield name, key, part


def _rollups(filters: Filters, dirty: Dirty, *, trend: bool) -> QuerySet[DailyRollup] | None:
    """Return the rollups of the period, and those of the trend's: as long a one before. None where only facts can
    answer."""
    condition = filters.slice_condition()
    if condition is None or filters.since is None or not trend:
        return None if condition is None else DailyRollup.objects.filter(condition)
    since, until = filters.since, filters.until
    earlier = replace(filters, since=None).slice_condition() or Q()
    if until is not None:
        return DailyRollup.objects.filter(earlier, day__gte=_day(since - max(timedelta(), until - since)))
    # The period ends with the newest day that there is, be it one that is not tallied yet; the database knows which.
    newest = DailyRollup.objects.filter(condition).order_by("-day").values("day")[:1]
    untallied = max((day for _, day in dirty), default=_day(since))
    last = Greatest(Subquery(newest), Value(untallied), output_field=DateField())
    begins = Func(last, template=f"(date '{_day(since)}' - (%(expressions)s - date '{_day(since)}') - 1)")
    return DailyRollup.objects.filter(earlier, day__gte=begins)


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(UTC).date()


def _of_facts(filters: Filters, by: str) -> Iterator[tuple[str, Tally]]:
    rows = ConversationFact.objects.filter(filters.condition())
    if by == "topic":
        # Not in the fact itself: it is given later, and anew with each fit.
        for page in _pages(rows, "topic"):
            topics = {id(fact): topic or "" for fact, topic in page}
            yield from _tallied((fact for fact, _ in page), lambda fact, of=topics: (of[id(fact)],))
        return
    for facts in _chunks(rows):
        yield from _tallied(facts, lambda fact: fact.tags if by == "tag" else (getattr(fact, by),))


def _tallied(facts: Iterable[Fact], keys: Any) -> Iterator[tuple[str, Tally]]:
    groups: dict[str, list[Fact]] = {}
    for fact in facts:
        for key in keys(fact):
            groups.setdefault(key, []).append(fact)
    for key, members in groups.items():
        yield key, tally(members)


def _dirty_days(filters: Filters) -> Dirty:
    """Return the (application, day) pairs whose rollup waits to be recomputed: their facts speak instead."""
    pairs = []
    for key in work.waiting_keys("evaluations.roll_up"):
        application, _, day = key.partition(":")
        if filters.application_id in {None, int(application)}:
            pairs.append((int(application), date.fromisoformat(day)))
    return pairs


def _clean(rows: QuerySet[DailyRollup], dirty: Dirty) -> QuerySet[DailyRollup]:
    for application_id, days in _by_application(dirty).items():
        rows = rows.exclude(application_id=application_id, day__in=days)
    return rows


def _dirty_facts(filters: Filters, dirty: Dirty) -> QuerySet[ConversationFact]:
    those = Q(pk__in=[])
    for application_id, days in _by_application(dirty).items():
        those |= Q(application_id=application_id, day__in=days)
    return ConversationFact.objects.filter(filters.condition() & those)


def _by_application(pairs: Dirty) -> dict[int, list[date]]:
    found: dict[int, list[date]] = {}
    for application_id, day in pairs:
        found.setdefault(application_id, []).append(day)
    return found


def _chunks(rows: QuerySet[ConversationFact]) -> Iterator[list[Fact]]:
    for page in _pages(rows):
        yield [fact for (fact,) in page]


def _pages(rows: QuerySet[ConversationFact], *columns: str) -> Iterator[list[tuple[Any, ...]]]:
    """Yield facts, each with these columns of its row, in bounded memory, by keyset."""
    # jsonb leaves as text: Django's own decoding costs more than the query.
    ordered = rows.annotate(text=Cast("fact", TextField())).order_by("conversation_id")
    asked, last = ("conversation_id", "text", *columns), 0
    while page := list(ordered.filter(conversation_id__gt=last).values_list(*asked)[:_CHUNK]):
        last = page[-1][0]
        yield [(_decode_fact(text), *rest) for _, text, *rest in page]
