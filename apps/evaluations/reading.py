"""Captured conversations as the values analyzers take, in bulk."""

from __future__ import annotations

from collections.abc import Sequence

from apps.evaluations.domain.values import Conversation, Message, ReportedOutcome
from apps.ingestion import models as captured
from apps.ingestion.selectors import read_messages, read_outcomes


def read_values(rows: Sequence[captured.Conversation]) -> list[Conversation]:
    """Return conversations of one application with their messages and late truths, in the order given; two queries."""
    messages, outcomes = read_messages(rows), read_outcomes(rows)
    return [
        Conversation(
            session_id=row.session_id,
            messages=tuple(Message(m.digest, m.role, m.content, m.sent_at, m.metadata) for m in messages[row.id]),  # type: ignore[arg-type]
            started_at=row.started_at,
            last_at=row.last_at,
            id=row.id,
            user_hash=row.user_hash,
            agent=row.agent,
            channel=row.channel,
            variant=row.variant,
            prompt_version=row.prompt_version,
            model=row.model,
            environment=row.environment or "production",
            tags=tuple(row.tags),
            metadata=row.metadata,
            outcomes=tuple(ReportedOutcome(o.metric, o.value, o.amount, o.occurred_at) for o in outcomes[row.id]),
        )
        for row in rows
    ]
