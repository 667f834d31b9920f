"""Reads of what was analyzed. Call inside tenant(...)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, Window

from apps.evaluations.analyzers import SECTIONS
from apps.evaluations.domain.facts import FAULTS
from apps.evaluations.models import Assessment, ConversationFact
from apps.evaluations.selectors.filters import Filters
from apps.ingestion.models import Conversation
from apps.ingestion.selectors import MessageRow, read_messages

_PAGE = 2000


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
    rows = Assessment.objects.filter(conversation_id__in=conversation_ids)
    for conversation_id, analyzer, result in rows.values_list("conversation_id", "analyzer", "result"):
        found[conversation_id][SECTIONS[analyzer]] = result
    return found


def read_conversations(filters: Filters) -> list[dict[str, Any]]:
    """Return every conversation that passes, oldest first, in the form of the report."""
    rows = ConversationFact.objects.filter(filters.condition()).order_by("started_at", "conversation_id")
    facts = list(rows.values_list("conversation_id", "session_id", "agent", "started_at", "fact"))
    found = []
    for start in range(0, len(facts), _PAGE):
        page = facts[start : start + _PAGE]
        results = results_of([fact[0] for fact in page])
        found += [
            {
                "session_id": session_id,
                "agent_id": agent or None,
                "started_at": started_at,
                "messages": fact["messages"],
                **results[conversation_id],
            }
            for conversation_id, session_id, agent, started_at, fact in page
        ]
    return found


def get_conversation(conversation_id: int) -> AnalyzedConversation | None:
    """Return one conversation of the current organization by its id."""
    row = Conversation.objects.filter(id=conversation_id).first()
    if row is None:
        return None
    return AnalyzedConversation(row, read_messages([row])[row.id], results_of([row.id])[row.id])


def riskiest(filters: Filters, *, limit: int) -> list[ConversationFact]:
    """Return the facts with the highest risk above 0."""
    rows = ConversationFact.objects.filter(filters.condition(), risk_score__gt=0)
    return list(rows.order_by("-risk_score", "-conversation_id")[:limit])


def poorest(filters: Filters, *, limit: int) -> list[ConversationFact]:
    """Return the facts with the lowest quality score."""
    rows = ConversationFact.objects.filter(filters.condition(), quality_score__isnull=False)
    return list(rows.order_by("quality_score", "conversation_id")[:limit])


def leaks(filters: Filters, *, limit: int) -> tuple[list[ConversationFact], int]:
    """Return the newest facts of conversations where an attack succeeded or the assistant leaked, and their number."""
    rows = ConversationFact.objects.filter(filters.condition()).filter(
        Q(attacks_succeeded__gt=0) | Q(findings__overlap=list(FAULTS))
    )
    counted = rows.annotate(number=Window(Count("*")))
    found = list(counted.order_by("-started_at", "-conversation_id")[:limit])
    return found, found[0].number if found else 0
