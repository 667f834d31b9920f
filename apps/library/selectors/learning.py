"""Conversations that went well, as others may learn from them: masked, and of nobody who may not be there.

Call inside tenant(...).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, QuerySet

from apps.evaluations.analyzers import QUALITY
from apps.evaluations.domain.security.analyzer import SUSPICIOUS
from apps.evaluations.models import Assessment, ConversationFact
from apps.evaluations.selectors import Filters
from apps.evaluations.selectors.calibrations import verdicts_of
from apps.ingestion.models import Conversation, Erasure
from apps.ingestion.selectors import read_messages
from apps.library.domain.masking import mask_conversation

# Longer ones teach little and would have to be held whole.
MOST_MESSAGES = 200


@dataclass(frozen=True)
class Good:
    """A conversation that went well, with what was said in it, masked."""

    fact: ConversationFact
    row: Conversation
    roles: list[str]
    texts: list[str]


def list_good(
    filters: Filters,
    *,
    least_score: float,
    limit: int,
    after: tuple[datetime, int] | None = None,
    also: Q | None = None,
) -> list[ConversationFact]:
    """Return a page of conversations that score as well at least and in which nothing was found, newest first."""
    rows = _good(filters, least_score).filter(also or Q())
    if after is not None:
        started_at, conversation_id = after
        rows = rows.filter(Q(started_at__lt=started_at) | Q(started_at=started_at, conversation_id__lt=conversation_id))
    return list(rows.order_by("-started_at", "-conversation_id")[:limit])


def count_good(filters: Filters, *, least_score: float, limit: int) -> int:
    """Return how many such conversations there are; ``limit`` where there are more."""
    return int(_good(filters, least_score)[:limit].count())


def read_good(facts: Sequence[ConversationFact]) -> list[Good]:
    """Return those that may be learned from, masked, in their order; four queries. Raises RedactionFailed.

    Left out are: what the scorer finds suspicious or a person did not call harmless, what holds messages that are not
    analyzed yet, who is just being erased, and what is longer than MOST_MESSAGES. Whose text is gone is not there.
    """
    quiet = [each for each in facts if _is_quiet(each)]
    ids = [each.conversation_id for each in quiet]
    rows = Conversation.objects.filter(id__in=ids, assessed_version__gte=F("content_version"))
    leaving = set(Erasure.objects.filter(status=Erasure.Status.ASKED).values_list("unit_hash", flat=True))
    judged = {each for each, verdict in verdicts_of(ids).items() if verdict is not False}
    kept = {each.id: each for each in rows if each.id not in judged and each.user_hash not in leaving}
    messages = read_messages(list(kept.values()))
    found = []
    for fact in quiet:
        row = kept.get(fact.conversation_id)
        if row is not None:
            said = messages[row.id]
            texts = mask_conversation([each.content for each in said], row.metadata)
            found.append(Good(fact, row, [each.role for each in said], texts))
    return found


def faulty_places(conversation_ids: Sequence[int]) -> dict[int, set[int]]:
    """Return for each conversation which of its messages, counted from 0, a pattern of poor quality is found in."""
    found: dict[int, set[int]] = {conversation_id: set() for conversation_id in conversation_ids}
    rows = Assessment.objects.filter(analyzer=QUALITY, conversation_id__in=conversation_ids)
    for conversation_id, patterns in rows.values_list("conversation_id", "result__found"):
        found[conversation_id] = {pattern["message_index"] for pattern in patterns or ()}
    return found


def _good(filters: Filters, least_score: float) -> QuerySet[ConversationFact]:
    rows: QuerySet[ConversationFact] = ConversationFact.objects.filter(filters.condition())
    return rows.filter(quality_score__gte=least_score, attacks=0, findings=[])


def _is_quiet(fact: ConversationFact) -> bool:
    counted = fact.fact
    return bool(counted.get("suspicion", 0.0) < SUSPICIOUS and counted["messages"] <= MOST_MESSAGES)
