"""The poor-quality patterns, each found at a message with its evidence and the reason it was flagged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apps.evaluations.domain.quality.context import IntentRule, find_missing_context
from apps.evaluations.domain.quality.contradictions import find_contradictions
from apps.evaluations.domain.quality.reading import Turn
from apps.evaluations.domain.quality.repeats import find_repeated_questions, find_repeated_responses
from apps.evaluations.domain.quality.steps import find_missing_steps
from apps.evaluations.domain.quality.words import overlap
from apps.evaluations.domain.values import QualityPattern

PATTERNS = (
    "responses_under_20_chars",
    "missing_specific_steps",
    "generic_responses",
    "failed_to_gather_context",
    "unhelpful_response",
    "repeated_response",
    "contradiction",
    "user_repeats_question",
    "user_frustration",
)
SHORT = 20
RELATED = 0.05
_SHOUTED_WORDS = 4


def find_patterns(
    turns: Sequence[Turn], *, common_replies: frozenset[str], intents: Sequence[IntentRule]
) -> list[QualityPattern]:
    """Return every occurrence of every pattern in an English conversation, in message order."""
    found = find_short_replies(turns)
    found += find_missing_steps(turns)
    found += find_generic_responses(turns, common_replies)
    found += find_missing_context(turns, intents)
    found += find_unhelpful_responses(turns)
    found += find_repeated_responses(turns)
    found += find_contradictions(turns)
    found += find_repeated_questions(turns)
    found += find_frustration(turns)
    order: Callable[[QualityPattern], tuple[int, int]] = lambda one: (one.message_index, PATTERNS.index(one.name))  # noqa: E731
    return sorted(found, key=order)


def find_short_replies(turns: Sequence[Turn]) -> list[QualityPattern]:
    """Flag replies under 20 code points, unless one answers thanks, a goodbye or a yes/no question.

    Needs no language, so it is reported for unscored conversations too. An opening ("Hello!") before the user has said
    anything is no reply.
    """
    found = []
    user: Turn | None = None
    for turn in turns:
        if turn.is_user:
            user = turn
            continue
        length = len(turn.text)
        if user is None or length >= SHORT or _answers_briefly(user, turn):
            continue
        found.append(
            QualityPattern(
                name="responses_under_20_chars",
                message_index=turn.index,
                severity="medium",
                evidence=turn.excerpt(),
                explanation=f"{length} characters, and not an answer to thanks, a goodbye or a yes/no question",
            )
        )
    return found


def _answers_briefly(user: Turn, reply: Turn) -> bool:
    if user.cues & {"goodbye", "declines"} or ("thanks" in user.cues and not user.asks):
        return True
    return "yes_no_question" in user.cues and "polar_answer" in reply.cues


def find_generic_responses(turns: Sequence[Turn], common_replies: frozenset[str]) -> list[QualityPattern]:
    """Flag boilerplate that shares no content word with the question, and texts the application gives to everything.

    Replies to thanks, goodbyes and greetings are polite, not generic; boilerplate around a number, a label or steps has
    something of its own to say.
    """
    found = []
    user: Turn | None = None
    for turn in turns:
        if turn.is_user:
            user = turn
            continue
        if user is None or not user.stems or not _expects_substance(user):
            continue
        if turn.normalized in common_replies:
            why = "the same text is given in many sessions about different matters"
        elif "boilerplate" in turn.cues and _is_empty(turn) and overlap(user.stems, turn.stems) < RELATED:
            why = "stock phrases, and no word of the question in them"
        else:
            continue
        found.append(
            QualityPattern(
                name="generic_responses",
                message_index=turn.index,
                severity="medium",
                evidence=turn.excerpt(),
                explanation=why,
            )
        )
    return found


def _expects_substance(user: Turn) -> bool:
    if user.asks or user.cues & {"asks_how", "reports_problem", "corrects", "revokes", "repeats"}:
        return True
    return (
        not user.cues & {"thanks", "goodbye", "greets", "agrees", "quiet", "worked", "declines"} and len(user.stems) > 1
    )


def _is_empty(reply: Turn) -> bool:
    if reply.cues & {"ordered_list", "points_to", "success", "closing"} or (
        reply.asks and "asks_details" in reply.cues
    ):
        return False
    return not any(sign.isdigit() for sign in reply.text)


def find_unhelpful_responses(turns: Sequence[Turn]) -> list[QualityPattern]:
    """Flag replies that report a failure, refuse, or do not understand.

    High without a way on, medium where the assistant asks or offers something instead. Keeping something confidential
    back is not unhelpful.
    """
    found = []
    answered = False
    for turn in turns:
        if turn.is_user:
            answered = True
            continue
        kind = name_failure(turn) if answered else ""
        if not kind:
            continue
        start, _ = turn.where(kind)
        found.append(
            QualityPattern(
                name="unhelpful_response",
                message_index=turn.index,
                severity="medium" if turn.asks or turn.cues & {"success", "ordered_list", "points_to"} else "high",
                evidence=turn.excerpt(start),
                explanation=_FAILURES[kind],
            )
        )
    return found


_FAILURES = {
    "failure": "reports that it could not be done",
    "refusal": "says it cannot help or does not know",
    "not_understood": "did not understand",
}


def name_failure(reply: Turn) -> str:
    """Return the cue by which a reply fails its user ("failure", "refusal", "not_understood"), "" for none."""
    if "withholds" in reply.cues:
        return ""
    return next((kind for kind in _FAILURES if kind in reply.cues), "")


def find_frustration(turns: Sequence[Turn]) -> list[QualityPattern]:
    """Flag user messages in anger: its words, shouting in capitals, or rows of exclamation and question marks."""
    found = []
    for turn in turns:
        if not turn.is_user:
            continue
        shouting = is_shouting(turn)
        # "Thanks!!!" and "I am not angry" carry the signs without the anger: VADER must not read them as glad.
        if not shouting and ("frustrated" not in turn.cues or turn.sentiment > 0.3):
            continue
        start, _ = turn.where("frustrated")
        found.append(
            QualityPattern(
                name="user_frustration",
                message_index=turn.index,
                severity="high" if turn.sentiment <= -0.5 or shouting else "medium",
                evidence=turn.excerpt(start),
                explanation="writes in capitals" if shouting else "words or signs of anger",
            )
        )
    return found


def is_shouting(turn: Turn) -> bool:
    """Return whether at least four words, and four in five letters, are in capitals."""
    if not turn.text[1:4].isupper() and not turn.text.isupper():
        return False
    letters = [sign for sign in turn.text if sign.isalpha()]
    return len(turn.words) >= _SHOUTED_WORDS and sum(map(str.isupper, letters)) >= 0.8 * len(letters) > 0
