"""Reads of what was analyzed. Call inside tenant(...)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import orjson
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast

from apps.evaluations.analyzers import SECTIONS, SECURITY
from apps.evaluations.domain.facts import Fact
from apps.evaluations.models import LEAKED, Assessment, ConversationFact
from apps.evaluations.selectors.filters import Filters
from apps.ingestion.models import Conversation
from apps.ingestion.selectors import MessageRow, read_messages

_PAGE = 2000
# A fact, and the security result of its conversation while that is kept.
Looked = tuple[ConversationFact, dict[str, Any] | None]
_decode_fact = msgspec.json.Decoder(Fact).decode


def list_facts(filters: Filters, *, limit: int, after: tuple[datetime, int] | None = None) -> list[ConversationFact]:
    """Return a page of facts, newest conversation first, after the given key (started_at, conversation_id)."""
    rows = ConversationFact.objects.filter(filters.condition())
    if after is not None:
        started_at, conversation_id = after
        rows = rows.filter(Q(started_at__lt=started_at) | Q(started_at=started_at, conversation_id__lt=conversation_id))
    return list(rows.order_by("-started_at", "-conversation_id")[:limit])


@dataclass(frozen=True)
class AnalyzedConversation:
    """A conversation with its messages and its current results by section."""

    row: Conversation
    messages: list[MessageRow]
    results: dict[str, Any]


def find_conversation(session_id: str, application_id: int | None) -> AnalyzedConversation | None:
    """Return one conversation; without an application, the newest of that name in the organization."""
    rows = Conversation.objects.filter(session_id=session_id)
    if application_id is not None:
        rows = rows.filter(application_id=application_id)
    row = rows.order_by("-id").first()
    if row is None:
        return None
    return AnalyzedConversation(row, read_messages([row])[row.id], results_of([row.id])[row.id])


def results_of(conversation_ids: list[int]) -> dict[int, dict[str, Any]]:
    """Return the results of each conversation by section (security, quality, business, performance), by id."""
    found: dict[int, dict[str, Any]] = {conversation_id: {} for conversation_id in conversation_ids}
    # jsonb leaves as text: Django's own decoding costs more than the query.
    rows = Assessment.objects.filter(conversation_id__in=conversation_ids).annotate(text=Cast("result", TextField()))
    for conversation_id, analyzer, text in rows.values_list("conversation_id", "analyzer", "text"):
        found[conversation_id][SECTIONS[analyzer]] = orjson.loads(text)
    return found


def read_conversations(filters: Filters) -> tuple[list[dict[str, Any]], list[Fact]]:
    """Return every conversation that passes in the form of the report, oldest first, and their facts alike."""
    rows = ConversationFact.objects.filter(filters.condition()).annotate(text=Cast("fact", TextField()))
    columns = ("conversation_id", "session_id", "agent", "started_at", "text")
    read = list(rows.order_by("started_at", "conversation_id").values_list(*columns))
    facts = [_decode_fact(row[-1]) for row in read]
    found = []
    for start in range(0, len(read), _PAGE):
        page = read[start : start + _PAGE]
        results = results_of([row[0] for row in page])
        found += [
            {
                "session_id": session_id,
                "agent_id": agent or None,
                "started_at": started_at,
                "messages": fact.messages,
                **results[conversation_id],
            }
            for (conversation_id, session_id, agent, started_at, _), fact in zip(page, facts[start:], strict=False)
        ]
    return found, facts


def get_conversation(conversation_id: int) -> AnalyzedConversation | None:
    """Return one conversation of the current organization by its id."""
    row = Conversation.objects.filter(id=conversation_id).first()
    if row is None:
        return None
    return AnalyzedConversation(row, read_messages([row])[row.id], results_of([row.id])[row.id])


def newest_start(application_id: int | None) -> datetime | None:
    """Return when the newest analyzed conversation began; None where none is analyzed."""
    rows = ConversationFact.objects.filter(Filters(application_id=application_id).condition())
    return rows.order_by("-started_at", "-conversation_id").values_list("started_at", flat=True).first()


def poorest(filters: Filters, *, limit: int) -> list[ConversationFact]:
    """Return the facts with the lowest quality score."""
    rows = ConversationFact.objects.filter(filters.condition(), quality_score__isnull=False)
    return list(rows.order_by("quality_score", "conversation_id")[:limit])


@dataclass(frozen=True)
class Gravest:
    """The newest conversations where an attack succeeded or the assistant leaked, how many there are in all, and those
    with the highest risk above 0. Each is its fact with its security result.
    """

    leaked: list[Looked]
    leaks: int
    riskiest: list[Looked]


def gravest(filters: Filters, *, leaks: int, riskiest: int) -> Gravest:
    """Return what leaked and what was riskiest, at most so many of each; one query."""
    rows = ConversationFact.objects.filter(filters.condition())
    leaked, risky = rows.filter(LEAKED), _with_security(rows.filter(risk_score__gt=0)).annotate(number=Value(0))
    # Counted apart, from the index alone: beside the rows, every one of them would be read.
    number = Subquery(leaked.order_by().values("organization_id").annotate(n=Count("*")).values("n"))
    newest = _with_security(leaked).annotate(number=number).order_by("-started_at", "-conversation_id")[:leaks]
    risky = risky.order_by("-risk_score", "-conversation_id")
    found = list(newest.union(risky[:riskiest], all=True))
    of_leaks = [each for each in found if each.number]
    of_risk = [each for each in found if not each.number]
    of_leaks.sort(key=lambda each: (each.started_at, each.conversation_id), reverse=True)
    of_risk.sort(key=lambda each: (each.risk_score, each.conversation_id), reverse=True)
    return Gravest(
        [_looked(fact) for fact in of_leaks], of_leaks[0].number if of_leaks else 0, [_looked(fact) for fact in of_risk]
    )


def _with_security(facts: QuerySet[ConversationFact]) -> QuerySet[Any, Any]:
    results = Assessment.objects.filter(conversation_id=OuterRef("conversation_id"), analyzer=SECURITY)
    return facts.annotate(security=Subquery(results.annotate(text=Cast("result", TextField())).values("text")[:1]))


def _looked(fact: Any) -> Looked:
    return fact, orjson.loads(fact.security) if fact.security else None
