"""Reads of what was analyzed. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import Q

from apps.evaluations.analyzers import SECURITY
from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.metrics import metrics
from apps.evaluations.domain.tally import Tally, tally
from apps.evaluations.models import Assessment, ConversationFact
from apps.ingestion.models import Conversation
from apps.ingestion.selectors import MessageRow, read_messages

_CHUNK = 2000


@dataclass(frozen=True)
class Filters:
    """Which conversations; None does not filter. ``since`` is included, ``until`` is not."""

    application_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_risk: float | None = None
    outcome: str | None = None
    agent: str | None = None
    variant: str | None = None
    prompt_version: str | None = None
    model: str | None = None
    tag: str | None = None
    session_ids: tuple[str, ...] | None = None

    def condition(self) -> Q:
        """Return the filter on ConversationFact."""
        found = Q()
        for name in ("application_id", "agent", "variant", "prompt_version", "model"):
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
        if self.tag is not None:
            found &= Q(tags__contains=[self.tag])
        if self.outcome is not None:
            found &= Q(**{f"fact__attacks_{self.outcome}__gt": 0})
        return found


def list_facts(filters: Filters, *, limit: int, after: tuple[datetime, int] | None = None) -> list[ConversationFact]:
    """Return a page of facts, newest conversation first, after the given key (started_at, conversation_id)."""
    rows = ConversationFact.objects.filter(filters.condition())
    if after is not None:
        started_at, conversation_id = after
        rows = rows.filter(Q(started_at__lt=started_at) | Q(started_at=started_at, conversation_id__lt=conversation_id))
    return list(rows.order_by("-started_at", "-conversation_id")[:limit])


def read_metrics(filters: Filters) -> dict[str, Any]:
    """Return the metrics of the conversations that pass, tallied from their facts in bounded memory."""
    total = Tally()
    for facts in _fact_chunks(filters):
        total = total.merge(tally(facts))
    return metrics(total)


def _fact_chunks(filters: Filters) -> Iterator[list[Fact]]:
    rows = ConversationFact.objects.filter(filters.condition()).order_by("conversation_id")
    last = 0
    while True:
        chunk = list(rows.filter(conversation_id__gt=last).values_list("conversation_id", "fact")[:_CHUNK])
        if not chunk:
            return
        last = chunk[-1][0]
        yield [msgspec.convert(fact, Fact) for _, fact in chunk]


@dataclass(frozen=True)
class AnalyzedConversation:
    """A conversation with its messages and its current results by analyzer."""

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
    results = dict(Assessment.objects.filter(conversation=row).values_list("analyzer", "result"))
    return AnalyzedConversation(row, read_messages([row])[row.id], results)


def results_of(conversation_ids: list[int]) -> dict[int, dict[str, Any]]:
    """Return the security result of each conversation, by id."""
    rows = Assessment.objects.filter(conversation_id__in=conversation_ids, analyzer=SECURITY)
    return dict(rows.values_list("conversation_id", "result"))


def read_conversations(filters: Filters) -> list[dict[str, Any]]:
    """Return every conversation that passes, oldest first, in the form of the report."""
    rows = ConversationFact.objects.filter(filters.condition()).order_by("started_at", "conversation_id")
    facts = list(rows.values_list("conversation_id", "session_id", "agent", "started_at", "fact"))
    results = results_of([fact[0] for fact in facts])
    return [
        {
            "session_id": session_id,
            "agent_id": agent or None,
            "started_at": started_at,
            "messages": fact["messages"],
            "security": results[conversation_id],
        }
        for conversation_id, session_id, agent, started_at, fact in facts
    ]
