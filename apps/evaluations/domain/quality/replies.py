"""Replies an application gives to everything: texts that come back in many sessions whatever was asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from apps.evaluations.domain.quality.metadata import each_metadata, last_value
from apps.evaluations.domain.quality.reading import clean, normalize_digits
from apps.evaluations.domain.quality.words import content_stems, split_words
from apps.evaluations.domain.values import Conversation

SHARE_OF_SESSIONS = 0.005
INTENTS = 3
# Below this many sessions 0.5 % would be one or two of them, and any repeated text would look common.
ENOUGH_SESSIONS = 200
_SESSIONS_AT_LEAST = 3


def find_common_replies(conversations: Iterable[Conversation]) -> frozenset[str]:
    """Return the digit-normalised assistant texts that occur in ≥ 0.5 % of the sessions and across ≥ 3 intents.

    An intent is the conversation's ``issue_type`` (or ``intent``) in metadata; where that is missing, the two
    longest content words of the user's first message. Empty below 200 sessions: too few to call a text common.
    """
    sessions: dict[str, int] = defaultdict(int)
    intents: dict[str, set[str]] = defaultdict(set)
    total = 0
    for conversation in conversations:
        total += 1
        intent = name_intent(conversation)
        replies = {normalize_digits(clean(m.content)) for m in conversation.messages if m.role == "assistant"}
        for reply in replies:
            sessions[reply] += 1
            # Three are enough to know; keeping more would grow with the sample.
            if intent and len(intents[reply]) < INTENTS:
                intents[reply].add(intent)
    if total < ENOUGH_SESSIONS:
        return frozenset()
    least = max(_SESSIONS_AT_LEAST, SHARE_OF_SESSIONS * total)
    return frozenset(
        reply for reply, count in sessions.items() if reply and count >= least and len(intents[reply]) >= INTENTS
    )


def name_intent(conversation: Conversation) -> str:
    """Return what a conversation is about in one short label, "" when nothing tells."""
    told = last_value(list(each_metadata(conversation)), "issue_type", "intent")
    if isinstance(told, str) and told.strip():
        return told.strip().lower()
    first = next((m.content for m in conversation.messages if m.role == "user"), "")
    stems = sorted(content_stems(split_words(clean(first)[:400])))
    # The longest words name a matter better than the first ones ("refund", "password" rather than "hello").
    return " ".join(sorted(sorted(stems, key=len, reverse=True)[:2]))
