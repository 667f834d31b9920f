"""failed_to_gather_context: answered without knowing what the answer depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import re2

from apps.evaluations.domain.quality.reading import Turn
from apps.evaluations.domain.quality.words import FUNCTION_WORDS, content_stems, split_words
from apps.evaluations.domain.values import IntentSlots, QualityPattern

VAGUE_WORDS = 8


class IntentRule(msgspec.Struct, frozen=True):
    """A configured intent, compiled: when it applies, and per slot how the user's text shows it is known."""

    intent: str
    keywords: Any
    slots: tuple[tuple[str, Any, frozenset[str]], ...]


def compile_intents(intents: Sequence[IntentSlots]) -> tuple[IntentRule, ...]:
    """Return the intents compiled. Each pattern of a slot is an RE2 expression, read literally when it is none; a slot
    without patterns is known when the user names it."""
    rules = []
    for intent in intents:
        if not intent.keywords:
            continue
        slots = []
        for name, patterns in intent.slots.items():
            spoken = name.replace("_", " ").replace("-", " ")
            filled = _compile("|".join(_pattern(p) for p in patterns if p) or rf"\b{re2.escape(spoken)}\b")
            slots.append((spoken, filled, content_stems(split_words(spoken))))
        keywords = _compile("|".join(rf"\b{re2.escape(word)}" for word in intent.keywords if word) or r"\b\B")
        rules.append(IntentRule(intent=intent.intent, keywords=keywords, slots=tuple(slots)))
    return tuple(rules)


def _pattern(pattern: str) -> str:
    try:
        _compile(pattern)
    except re2.error:
        return str(re2.escape(pattern))
    return f"(?:{pattern})"


def _compile(pattern: str) -> Any:
    return re2.compile(f"(?i){pattern}")


def find_missing_context(turns: Sequence[Turn], intents: Sequence[IntentRule]) -> list[QualityPattern]:
    """Flag a configured intent answered while a required slot was neither given nor asked for; without a configured
    intent, a vague request (under 8 content words, no number or name) that was answered or refused without a question
    and then corrected by the user. Each intent is flagged once, at its first answer."""
    found: list[QualityPattern] = []
    covered = False
    for rule in intents:
        opened = next((p for p, turn in enumerate(turns) if turn.is_user and rule.keywords.search(turn.plain)), None)
        if opened is None:
            continue
        covered = True
        found += _missing_slots(turns, opened, rule)
    return found if covered else _vague_requests(turns)


def _missing_slots(turns: Sequence[Turn], opened: int, rule: IntentRule) -> list[QualityPattern]:
    # A question back is not an answer yet; the answer is the first reply that asks for nothing.
    answer = next((t for t in turns[opened + 1 :] if not t.is_user and not (t.asks or "asks_details" in t.cues)), None)
    if answer is None:
        return []
    given = "\n".join(turn.plain for turn in turns if turn.is_user and turn.index < answer.index)
    asked: frozenset[str] = frozenset().union(
        *(t.stems for t in turns if not t.is_user and t.index < answer.index and (t.asks or "asks_details" in t.cues))
    )
    missing = [name for name, filled, stems in rule.slots if not filled.search(given) and not stems <= asked]
    if not missing:
        return []
    return [
        QualityPattern(
            name="failed_to_gather_context",
            message_index=answer.index,
            severity="medium",
            evidence=answer.excerpt(),
            explanation=f"{rule.intent} was answered without {', '.join(missing)}",
        )
    ]


def _vague_requests(turns: Sequence[Turn]) -> list[QualityPattern]:
    found = []
    for user, reply, after in zip(turns, turns[1:], turns[2:], strict=False):
        if not user.is_user or reply.is_user or not after.is_user:
            continue
        if reply.asks or "asks_details" in reply.cues or not is_vague(user) or not _corrects(after):
            continue
        found.append(
            QualityPattern(
                name="failed_to_gather_context",
                message_index=reply.index,
                severity="medium",
                evidence=reply.excerpt(),
                explanation="a vague request was answered without a question back, and the user had to correct it",
            )
        )
    return found


def is_vague(turn: Turn) -> bool:
    """Return whether a user turn requests something in under 8 content words, with no number and no name in it."""
    if not (turn.asks or turn.cues & {"asks_how", "reports_problem"} or len(turn.stems) >= 1):
        return False
    if turn.cues & {"thanks", "goodbye", "worked", "agrees", "quiet"}:
        return False
    words = [word for word in turn.words if word not in FUNCTION_WORDS]
    if len(words) >= VAGUE_WORDS or any(sign.isdigit() for sign in turn.text):
        return False
    return not _has_name(turn)


def _has_name(turn: Turn) -> bool:
    """Whether a word inside a sentence is capitalised; in a text without small letters capitals tell nothing."""
    if turn.text.isupper():
        return False
    for sentence in turn.split_sentences():
        for word in sentence.split()[1:]:
            bare = word.lstrip("\"'(")
            if bare[:1].isupper() and bare.split("'")[0] != "I":
                return True
    return False


def _corrects(turn: Turn) -> bool:
    return "corrects" in turn.cues or ("negates" in turn.cues and len(turn.stems) >= 2)
