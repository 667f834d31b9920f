"""Conversations as CSV, streamed: each page of rows enters the organization anew, so no transaction outlives a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.evaluations.models import ConversationFact
from apps.evaluations.selectors import Filters, list_facts
from apps.platform.sheets import stream_rows

_PAGE = 1000
_COLUMNS = (
    "session_id", "started_at", "agent", "channel", "variant", "prompt_version", "model", "risk_score",
    "attacks_blocked", "attacks_succeeded", "attacks_unclear", "findings", "quality_score", "patterns", "escalated",
    "resolution", "upsell", "value", "churn", "enterprise_lead", "messages",
)  # fmt: skip


def conversations_csv(filters: Filters, *, organization_id: int) -> Iterator[str]:
    """Return a header and a line for each conversation that passes, newest first. Call outside tenant(...)."""

    def following(last: ConversationFact | None) -> list[ConversationFact]:
        after = (last.started_at, last.conversation_id) if last else None
        return list_facts(filters, limit=_PAGE, after=after)

    return stream_rows(_COLUMNS, following, _row, at_once=_PAGE, organization_id=organization_id)


def _row(fact: ConversationFact) -> Iterator[Any]:
    for column in _COLUMNS:
        value = fact.fact["messages"] if column == "messages" else getattr(fact, column)
        yield " ".join(value) if isinstance(value, list) else value
