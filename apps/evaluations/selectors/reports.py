"""The report over a set of conversations: metrics, opportunities, and every conversation with its results."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from apps.evaluations.domain import seed_compatible
from apps.evaluations.domain.metrics import metrics
from apps.evaluations.domain.opportunities import find_opportunities
from apps.evaluations.domain.tally import tally
from apps.evaluations.models import ConversationFact
from apps.evaluations.reading import read_values
from apps.evaluations.selectors.conversations import read_conversations
from apps.evaluations.selectors.filters import Filters
from apps.evaluations.selectors.metrics import with_worth
from apps.evaluations.selectors.threat_patterns import count_new_patterns
from apps.ingestion.models import Conversation

_CHUNK = 1000


def read_report(filters: Filters, *, currency: str, seed: bool = False) -> dict[str, Any]:
    """Return {"metrics", "opportunities", "conversations"}, with ``seed`` also {"seed_compatible"}."""
    conversations, facts = read_conversations(filters)
    total = tally(facts)
    found: dict[str, Any] = {
        "metrics": metrics(total, new_attack_patterns=count_new_patterns(filters), currency=currency),
        "opportunities": [asdict(each) for each in find_opportunities(total)],
        "conversations": conversations,
    }
    with_worth(found["metrics"], filters)
    if seed:
        counted = _count_as_seed(filters).metrics()
        found["seed_compatible"] = {
            "metrics": counted,
            "differences": seed_compatible.compare(counted, found["metrics"]),
        }
    return found


def _count_as_seed(filters: Filters) -> seed_compatible.SeedTotals:
    totals = seed_compatible.SeedTotals()
    rows = ConversationFact.objects.filter(filters.condition()).order_by("conversation_id")
    last = 0
    while ids := list(rows.filter(conversation_id__gt=last).values_list("conversation_id", flat=True)[:_CHUNK]):
        last = ids[-1]
        for value in read_values(list(Conversation.objects.filter(id__in=ids).order_by("id"))):
            totals.add(value)
    return totals
