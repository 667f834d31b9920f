"""The attacks of a period: how many of each kind there were, and the newest as attempts of users."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Count,
    DateTimeField,
    F,
    FloatField,
    Func,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    TextField,
    Value,
)
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast

from apps.evaluations.analyzers import SECURITY
from apps.evaluations.domain.facts import FAULTS
from apps.evaluations.domain.security.behaviour import Attempt
from apps.evaluations.models import Assessment, ConversationFact
from apps.evaluations.selectors.filters import Filters

# Behaviour is read from so many conversations at most: a page's time must not grow with the attacks there ever were.
MOST_OBSERVED = 1000
_OUTCOMES = ("blocked", "succeeded", "unclear")
_COLUMNS = ("application_id", "session_id", "unit_hash", "began")
_TYPES = Cast(KeyTransform("attack_types", "fact"), TextField())
# To the microsecond, and read ten times faster than a time stamp: Django makes that by a regular expression.
_BEGAN = Func("started_at", template="extract(epoch FROM %(expressions)s)::float8", output_field=FloatField())

# Attacks by (application's id, type), and of those by outcome.
Kinds = dict[tuple[int, str], Counter[str]]
# An attack's application, the last cut before its conversation began, and its outcome.
Moment = tuple[int, datetime, str]
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Attacks:
    """The attacks of a period: how many of each kind, and how many of each moment."""

    kinds: Kinds
    moments: Counter[Moment]


def read_attacks(filters: Filters, *, cuts: Sequence[datetime] = ()) -> Attacks:
    """Return the attacks of the conversations that pass, as their facts tell them.

    A fact names the types of its attacks and counts their outcomes; only where both are several does the assessment
    tell which belongs to which. What it cannot tell any more, because retention took it, is unclear. Of the moments
    ``cuts``, in order, only the last one before an attack's conversation began is told: the time before the first is
    one moment.
    """
    columns = ("application_id", "types", "attacks_blocked", "attacks_succeeded", "attacks_unclear")
    alike = (
        _attacked(filters).annotate(types=_TYPES, stretch=_stretch(cuts)).order_by().values_list(*columns, "stretch")
    )
    began = (_BEFORE_ALL, *cuts)
    kinds: Kinds = defaultdict(Counter)
    mixed: Counter[tuple[int, str]] = Counter()
    moments: Counter[Moment] = Counter()
    # Those alike are counted by the database: there are far fewer kinds of attacks than attacks.
    for application_id, text, *counts, stretch, n in alike.annotate(n=Count("*")):
        types = Counter(orjson.loads(text or "[]"))
        outcomes = {outcome: count for outcome, count in zip(_OUTCOMES, counts, strict=True) if count}
        moments.update({(application_id, began[stretch], outcome): count * n for outcome, count in outcomes.items()})
        if len(types) > 1 and len(outcomes) > 1:
            mixed.update({(application_id, name): count * n for name, count in types.items()})
            continue
        for name, count in types.items():
            told = outcomes if len(types) == 1 else dict.fromkeys(outcomes, count)
            kinds[application_id, name].update({outcome: number * n for outcome, number in told.items()})
    if mixed:
        _tell_apart(filters, kinds, mixed)
    return Attacks(dict(kinds), moments)


def read_attempts(filters: Filters) -> tuple[list[Attempt], bool]:
    """Return the attacks of the newest conversations that pass, newest first, and whether older ones are left out.

    An attempt stands at the time its conversation began; its text is the masked evidence.
    """
    newest = _attacked(filters).order_by("-started_at", "-conversation_id")
    rows = list(_with_incidents(newest.annotate(began=_BEGAN), *_COLUMNS)[: MOST_OBSERVED + 1])
    attempts = [
        Attempt(
            user=user,
            at=datetime.fromtimestamp(began, UTC),
            session_id=session_id,
            type=incident["type"],
            severity=incident["severity"],
            technique=incident["rule"],
            text=incident["evidence"],
            outcome=incident["outcome"],
            application_id=application_id,
        )
        for application_id, session_id, user, began, text in rows[:MOST_OBSERVED]
        for incident in _attacks_in(text)
    ]
    return attempts, len(rows) > MOST_OBSERVED


def _stretch(cuts: Sequence[datetime]) -> Func | Value:
    """Return how many of the cuts are not after the beginning of a fact's conversation."""
    if not cuts:
        return Value(0)
    bounds = Value(list(cuts), ArrayField(DateTimeField()))
    return Func("started_at", bounds, function="width_bucket", output_field=IntegerField())


def _tell_apart(filters: Filters, kinds: Kinds, mixed: Counter[tuple[int, str]]) -> None:
    several = _attacked(filters).filter(attacks__gt=F("attacks_blocked"))
    several = several.filter(attacks__gt=F("attacks_succeeded")).filter(attacks__gt=F("attacks_unclear"))
    for application_id, text in _with_incidents(several, "application_id"):
        attacks = list(_attacks_in(text))
        if len({incident["type"] for incident in attacks}) > 1:
            for incident in attacks:
                kinds[application_id, incident["type"]][incident["outcome"]] += 1
                mixed[application_id, incident["type"]] -= 1
    for key, left in mixed.items():
        kinds[key].update(unclear=max(0, left))


def _attacked(filters: Filters) -> QuerySet[ConversationFact]:
    return ConversationFact.objects.filter(filters.condition(), attacks__gt=0)


def _with_incidents(facts: QuerySet[ConversationFact], *columns: str) -> QuerySet[Any, Any]:
    """Return these columns of the facts and, behind them, the incidents of their assessments as text."""
    # jsonb leaves as text: Django's own decoding costs more than the query.
    incidents = Cast(KeyTransform("incidents", "result"), TextField())
    results = Assessment.objects.filter(conversation_id=OuterRef("conversation_id"), analyzer=SECURITY)
    told = facts.annotate(text=Subquery(results.annotate(incidents=incidents).values("incidents")[:1]))
    return told.values_list(*columns, "text")


def _attacks_in(text: str | None) -> Iterator[dict[str, Any]]:
    return (incident for incident in orjson.loads(text or "[]") if incident["type"] not in FAULTS)
