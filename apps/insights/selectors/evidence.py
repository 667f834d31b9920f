"""Evidence read from facts: the conversations a signal's rows name, no user beyond their share. Inside tenant(...)."""

from __future__ import annotations

from collections.abc import Mapping

from apps.evaluations.filtering import parse_filters
from apps.evaluations.models import ConversationFact
from apps.evaluations.selectors import Filters
from apps.insights.domain.evidence import Candidate, choose
from apps.insights.domain.signals import Signal

MOST = 50
# Candidates looked at for so many pieces of evidence: a flood by one user must not hide everybody else.
_CANDIDATES = 5000


def choose_evidence(signal: Signal, filters: Filters) -> tuple[Candidate, ...]:
    """Return the conversations that stand for a signal; ``filters`` hold its application and period."""
    facts = ConversationFact.objects.filter(named_filters(signal.rows, filters).condition())
    columns = facts.order_by("-started_at", "-conversation_id").values_list(
        "conversation_id", "session_id", "unit_hash"
    )
    candidates = [Candidate(*row) for row in columns[:_CANDIDATES]]
    return tuple(
        choose(candidates, limit=MOST, anonymous_are_one=any(candidate.user for candidate in candidates))
    )  # fmt: skip


def named_filters(rows: Mapping[str, str], filters: Filters) -> Filters:
    """Return the filters a signal's rows name, within the period unless they name a time of their own."""
    named = parse_filters(rows, application_id=filters.application_id)
    return named.between(named.since or filters.since, named.until or filters.until)
