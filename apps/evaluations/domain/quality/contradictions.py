"""contradiction: the assistant says the opposite of what it said, corrects itself, or is told so by the user."""

from __future__ import annotations

from collections.abc import Sequence

from apps.evaluations.domain.quality.reading import Turn
from apps.evaluations.domain.quality.words import NEGATIONS, content_stems, overlap, split_words
from apps.evaluations.domain.values import QualityPattern

_SAME_MATTER = 0.6
_LEAST_STEMS = 3
_SENTENCES = 24
# Words that turn a statement into its opposite without a negation.
_OPPOSITES = tuple(
    frozenset(pair.split())
    for pair in ("free paid", "open closed", "available unavailable", "included excluded", "possible impossible",
                 "enabled disabled", "active inactive", "valid invalid", "accepted rejected", "supported unsupported",
                 "refundable nonrefundable", "always never")
)  # fmt: skip
_TURNING = NEGATIONS.union(*_OPPOSITES)


def find_contradictions(turns: Sequence[Turn]) -> list[QualityPattern]:
    """Flag replies that deny what an earlier reply stated about the same matter (≥ 60 % of the content words shared,
    opposite negation), that take back an earlier answer, or that the user calls contradictory."""
    found: list[QualityPattern] = []
    said: list[tuple[frozenset[str], bool, frozenset[str], Turn]] = []
    last: Turn | None = None
    # Most conversations hold no word that could deny another: nothing to compare then.
    may_deny = any(not (turn.is_user or _TURNING.isdisjoint(turn.words)) for turn in turns)
    for turn in turns:
        if turn.is_user:
            if (
                last is not None
                and "accuses" in turn.cues
                and turn.cues & {"negates", "corrects", "frustrated", "revokes"}
            ):
                found.append(_flag(last, "medium", f"the user points it out in message {turn.index}", turn))
            continue
        last = turn
        if "corrects_itself" in turn.cues:
            found.append(_flag(turn, "medium", "takes back an earlier answer", turn))
            continue
        if not may_deny:
            continue
        statements = _statements(turn)
        against = next(
            (one[3] for one in reversed(said[-_SENTENCES:]) for other in statements if _deny(one, other)), None
        )
        if against is not None:
            found.append(_flag(turn, "high", f"says the opposite of message {against.index}", turn))
        said += statements
    return found


def _flag(at: Turn, severity: str, why: str, evidence: Turn) -> QualityPattern:
    return QualityPattern(
        name="contradiction",
        message_index=at.index,
        severity="high" if severity == "high" else "medium",
        evidence=evidence.excerpt(),
        explanation=why,
    )


def _statements(turn: Turn) -> list[tuple[frozenset[str], bool, frozenset[str], Turn]]:
    found = []
    for sentence in turn.split_sentences()[:6]:
        if sentence.endswith("?"):
            continue
        words = split_words(sentence)
        stems = content_stems(word for word in words if word not in NEGATIONS)
        if len(stems) >= _LEAST_STEMS:
            found.append((stems, not NEGATIONS.isdisjoint(words), frozenset(words), turn))
    return found


def _deny(
    one: tuple[frozenset[str], bool, frozenset[str], Turn], other: tuple[frozenset[str], bool, frozenset[str], Turn]
) -> bool:
    stems, negated, words, turn = one
    stems_after, negated_after, words_after, turn_after = other
    if turn is turn_after or overlap(stems, stems_after) < _SAME_MATTER:
        return False
    # Different numbers mean different matters: another day, order or price.
    if {word for word in words if word[:1].isdigit()} != {word for word in words_after if word[:1].isdigit()}:
        return False
    if negated != negated_after:
        return True
    return any(len(pair & words) == 1 and len(pair & words_after) == 1 and pair & words != pair & words_after
               for pair in _OPPOSITES)  # fmt: skip
