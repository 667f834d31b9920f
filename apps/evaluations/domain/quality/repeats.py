"""repeated_response and user_repeats_question: the same thing said again, by either side."""

from __future__ import annotations

from collections.abc import Sequence

from apps.evaluations.domain.quality.reading import Turn
from apps.evaluations.domain.quality.words import overlap
from apps.evaluations.domain.values import QualityPattern

# Compared with this many earlier turns of the same side: time stays linear in long conversations.
LOOK_BACK = 8
_SAME_REPLY = 0.85
_SAME_QUESTION = 0.6


def find_repeated_responses(turns: Sequence[Turn]) -> list[QualityPattern]:
    """Flag replies with the text of one of the last eight: the same words, or nearly so when long.

    Answers to thanks and short courtesies ("Anything else?") are no repeats. High when it is the very next reply.
    """
    found = []
    earlier: list[Turn] = []
    for turn in turns:
        if turn.is_user:
            continue
        twin = next((one for one in reversed(earlier[-LOOK_BACK:]) if _is_same_reply(one, turn)), None)
        earlier.append(turn)
        if twin is None:
            continue
        found.append(
            QualityPattern(
                name="repeated_response",
                message_index=turn.index,
                severity="high" if len(earlier) > 1 and earlier[-2] is twin else "medium",
                evidence=turn.excerpt(),
                explanation=f"says what message {twin.index} said",
            )
        )
    return found


def _is_same_reply(one: Turn, other: Turn) -> bool:
    if len(other.words) < 4 or other.cues & {"closing"}:
        return False
    if one.normalized == other.normalized:
        return one.text == other.text or not any(sign.isdigit() for sign in other.text)
    # Numbers make a difference ("2 tickets", "3 tickets"): only texts without them may be merely similar.
    return (
        len(one.stems) >= 5
        and len(one.words) >= 8
        and overlap(one.stems, other.stems) >= _SAME_REPLY
        and not any(sign.isdigit() for sign in other.text)
    )


def find_repeated_questions(turns: Sequence[Turn]) -> list[QualityPattern]:
    """Flag user messages that ask again what one of the last eight asked, and those that say so ("as I wrote")."""
    found = []
    earlier: list[tuple[Turn, int]] = []
    replies = 0
    for turn in turns:
        if not turn.is_user:
            replies += 1
            continue
        twin = next(
            (one for one, at in reversed(earlier[-LOOK_BACK:]) if at < replies and _is_same_question(one, turn)), None
        )
        says_so = "repeats" in turn.cues and replies > 0
        earlier.append((turn, replies))
        if twin is None and not says_so:
            continue
        start, _ = turn.where("repeats")
        found.append(
            QualityPattern(
                name="user_repeats_question",
                message_index=turn.index,
                severity="medium",
                evidence=turn.excerpt(start),
                explanation=f"asks again what message {twin.index} asked" if twin else "says it was said before",
            )
        )
    return found


def _is_same_question(one: Turn, other: Turn) -> bool:
    if not other.stems or other.cues & {"thanks", "goodbye", "worked"}:
        return False
    if one.normalized == other.normalized and one.text.casefold() == other.text.casefold():
        return other.asks or len(other.stems) >= 2
    return len(one.stems) >= 3 and len(other.stems) >= 3 and overlap(one.stems, other.stems) >= _SAME_QUESTION
