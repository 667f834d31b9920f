"""The named features of a conversation: all the model sees, each a small number with a plain meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from apps.evaluations.domain.quality.patterns import is_shouting, name_failure
from apps.evaluations.domain.quality.reading import Turn
from apps.evaluations.domain.quality.words import NEGATIONS, overlap

Features = Mapping[str, float]

# What a user who wrote nothing after the first reply is given for message length: the middle of the training data.
_TYPICAL_WORDS = 1.6


def extract_features(turns: Sequence[Turn], counts: Mapping[str, int]) -> dict[str, float]:
    """Return the features of an English conversation with at least one reply; ``counts`` are pattern occurrences.

    User features are taken from what the user wrote after the first reply: how a customer opens tells about the
    matter, how they go on tells about the service. Shares are 0–1, sentiments −1 to 1, lengths logarithms of words.
    """
    opened = next((position for position, turn in enumerate(turns) if turn.is_user), len(turns))
    replies = [turn for turn in turns[opened:] if not turn.is_user]
    last = replies[-1] if replies else turns[-1]
    asked = next((turn for turn in reversed(turns[: _position(turns, last)]) if turn.is_user), None)
    first_reply = replies[0].index if replies else last.index
    users = [turn for turn in turns if turn.is_user and turn.index > first_reply]
    sentiments = [turn.sentiment for turn in users] or [0.0]
    number = max(1, len(replies))
    spoken = max(1, len(users))
    words = [word for turn in replies for word in turn.words]
    exchanges = [(one, other) for one, other in pairwise(turns) if one.is_user and not other.is_user and one.stems]
    failures = [bool(name_failure(turn)) for turn in replies]
    return {
        "user_sentiment": sum(sentiments) / len(sentiments),
        "user_sentiment_last": sentiments[-1],
        "user_sentiment_lowest": min(sentiments),
        "user_thanks": _share(users, "thanks"),
        "user_says_it_worked": float(any("worked" in turn.cues for turn in users)),
        "user_agrees": _share(users, "agrees"),
        "user_negates": sum(1 for t in users if t.cues & {"negates", "corrects", "revokes"}) / spoken,
        "user_repeats": min(1.0, counts.get("user_repeats_question", 0) / spoken),
        "user_frustration": min(1.0, counts.get("user_frustration", 0) / spoken),
        "user_shouts": float(any(is_shouting(turn) for turn in users)),
        "user_questions": sum(turn.asks for turn in users) / spoken,
        "user_words": math.log1p(sum(len(turn.words) for turn in users) / spoken) if users else _TYPICAL_WORDS,
        "user_words_last": math.log1p(len(users[-1].words)) if users else _TYPICAL_WORDS,
        "turns": math.log1p(len(turns)),
        "reply_words": math.log1p(len(words) / number),
        "reply_words_last": math.log1p(len(last.words)),
        "reply_variety": len(set(words)) / math.sqrt(2.0 * len(words)) if words else 0.0,
        "reply_questions": sum(turn.asks for turn in replies) / number,
        "reply_asks_last": float(last.asks),
        "reply_details_last": float("asks_details" in last.cues),
        "reply_failures": sum(failures) / number,
        "reply_fails_last": float(bool(failures) and failures[-1]),
        "reply_apologies": _share(replies, "apology"),
        "reply_successes": _share(replies, "success"),
        "reply_succeeds_last": float("success" in last.cues),
        "reply_boilerplate": _share(replies, "boilerplate"),
        "reply_numbers_last": float(any(sign.isdigit() for sign in last.text)),
        "reply_repeats": min(1.0, counts.get("repeated_response", 0) / number),
        "reply_contradicts": min(1.0, counts.get("contradiction", 0) / number),
        "reply_short": min(1.0, counts.get("responses_under_20_chars", 0) / number),
        "reply_overlap_last": overlap(asked.stems, last.stems) if asked else 0.0,
        "reply_overlap": sum(overlap(one.stems, other.stems) for one, other in exchanges) / max(1, len(exchanges)),
        "reply_is_unrelated": float(bool(asked and asked.stems and not asked.stems & last.stems)),
        "reply_coverage_last": _coverage(asked, last),
        "question_for_question": float(bool(asked and asked.asks and last.asks)),
        "user_terse": sum(1 for turn in users if len(turn.words) <= 3) / spoken,
        "reply_negations": sum(1 for turn in replies if not NEGATIONS.isdisjoint(turn.words)) / number,
        "reply_negates_last": float(not NEGATIONS.isdisjoint(last.words)),
        "reply_novelty": _novelty(replies),
        "reply_closes_last": float("closing" in last.cues),
        "user_sentiment_rise": sentiments[-1] - sentiments[0],
        "reply_wanders": sum(1 for one, other in exchanges if not one.stems & other.stems) / max(1, len(exchanges)),
        "ends_with_user": float(turns[-1].is_user),
    }


def _position(turns: Sequence[Turn], wanted: Turn) -> int:
    return next(position for position in range(len(turns) - 1, -1, -1) if turns[position] is wanted)


def _share(turns: Sequence[Turn], cue: str) -> float:
    return sum(1 for turn in turns if cue in turn.cues) / max(1, len(turns))


def _coverage(asked: Turn | None, reply: Turn) -> float:
    return len(asked.stems & reply.stems) / len(asked.stems) if asked and asked.stems else 0.0


def _novelty(replies: Sequence[Turn]) -> float:
    seen: set[str] = set()
    fresh = total = 0
    for turn in replies:
        fresh += len(turn.stems - seen)
        total += len(turn.stems)
        seen |= turn.stems
    return fresh / total if total else 0.0
