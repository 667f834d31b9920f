"""Conversations as CSV, streamed: each page of rows enters the organization anew, so no transaction outlives a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from apps.evaluations.models import ConversationFact
from apps.evaluations.selectors import Filters, list_facts
from apps.platform.cells import neutralised
from apps.platform.tenancy import tenant

_PAGE = 1000
_COLUMNS = (
    "session_id", "started_at", "agent", "channel", "variant", "prompt_version", "model", "risk_score",
    "attacks_blocked", "attacks_succeeded", "attacks_unclear", "findings", "quality_score", "patterns", "escalated",
    "resolution", "upsell", "value", "churn", "enterprise_lead", "messages",
)  # fmt: skip


def conversations_csv(filters: Filters, *, organization_id: int) -> Iterator[str]:
    """Yield a header and a line for each conversation that passes, newest first. Call outside tenant(...)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    after: tuple[datetime, int] | None = None
    while True:
        with tenant(organization_id):
            page = list_facts(filters, limit=_PAGE, after=after)
        for fact in page:
            writer.writerow([_cell(fact, column) for column in _COLUMNS])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        if len(page) < _PAGE:
            return
        after = (page[-1].started_at, page[-1].conversation_id)


def _cell(fact: ConversationFact, column: str) -> str:
    value = fact.fact["messages"] if column == "messages" else getattr(fact, column)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return neutralised(" ".join(value))
    return neutralised(str(value))
