"""VADER's compound sentiment, at a fraction of the library's cost.

The rules and tables are those of vaderSentiment 3.3.2 (Hutto & Gilbert 2014, "VADER: A Parsimonious Rule-based Model
for Sentiment Analysis of Social Media Text"); the tables are read from the installed library, so there is one lexicon.
A test compares the scores with the library's. Only the lookup path differs: a text without a lexicon word is 0 at once,
and negations are looked up in a set instead of rebuilding lists for every word.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

# A message longer than this is read up to here: sentiment of a pasted log says nothing more, and time stays bounded.
LONGEST = 4000
_CAPITALS = 0.733
_NEGATED = -0.74
_DAMPING = (1.0, 0.95, 0.9)


class _Tables(NamedTuple):
    lexicon: Mapping[str, float]
    emojis: Mapping[str, str]
    boosters: Mapping[str, float]
    special: Mapping[str, float]
    negations: frozenset[str]


@cache
def _tables() -> _Tables:
    # Imported here: reading 7,500 lexicon lines takes 30 ms that only analysis workers should spend.
    import vaderSentiment.vaderSentiment

    library = vaderSentiment.vaderSentiment
    analyzer = library.SentimentIntensityAnalyzer()
    return _Tables(
        lexicon=analyzer.lexicon,
        emojis=analyzer.emojis,
        boosters=library.BOOSTER_DICT,
        special=library.SPECIAL_CASES,
        negations=frozenset(library.NEGATE),
    )


def measure_sentiment(text: str) -> float:
    """Return VADER's compound score, −1 to 1, of an English text (its first 4,000 characters), to four places."""
    tables = _tables()
    text = text[:LONGEST]
    if not text.isascii():
        text = _spell_emojis(text, tables.emojis)
    text = text.strip()
    words = [_strip_punctuation(token) for token in text.split()]
    lowered = [word.lower() for word in words]
    if tables.lexicon.keys().isdisjoint(lowered):
        return 0.0
    shouts = sum(1 for word in words if word.isupper())
    mixed_case = 0 < len(words) - shouts < len(words)
    valences = [
        _valence(tables, words, lowered, i, mixed_case) if word in tables.lexicon and not _modifies(tables, lowered, i)
        else 0.0
        for i, word in enumerate(lowered)
    ]  # fmt: skip
    if "but" in lowered:
        _weigh_around_but(valences, lowered.index("but"))
    total = float(sum(valences))
    if total > 0:
        total += _emphasis(text)
    elif total < 0:
        total -= _emphasis(text)
    return round(max(-1.0, min(1.0, total / math.sqrt(total * total + 15))), 4)


def _strip_punctuation(token: str) -> str:
    stripped = token.strip(string.punctuation)
    return stripped if len(stripped) > 2 else token


def _spell_emojis(text: str, emojis: Mapping[str, str]) -> str:
    parts: list[str] = []
    after_space = True
    for sign in text:
        description = emojis.get(sign)
        if description is None:
            parts.append(sign)
            after_space = sign == " "
            continue
        parts.append(description if after_space else f" {description}")
        after_space = False
    return "".join(parts)


def _modifies(tables: _Tables, lowered: list[str], i: int) -> bool:
    if lowered[i] in tables.boosters:
        return True
    return lowered[i] == "kind" and i + 1 < len(lowered) and lowered[i + 1] == "of"


def _valence(tables: _Tables, words: list[str], lowered: list[str], i: int, mixed_case: bool) -> float:
    lexicon = tables.lexicon
    own = lexicon[lowered[i]]
    valence = own
    if lowered[i] == "no" and i + 1 < len(words) and lowered[i + 1] in lexicon:
        valence = 0.0
    if (
        (i > 0 and lowered[i - 1] == "no")
        or (i > 1 and lowered[i - 2] == "no")
        or (i > 2 and lowered[i - 3] == "no" and lowered[i - 1] in {"or", "nor"})
    ):
        valence = own * _NEGATED
    if mixed_case and words[i].isupper():
        valence += _CAPITALS if valence > 0 else -_CAPITALS
    for distance in range(min(3, i)):
        before = lowered[i - distance - 1]
        if before in lexicon:
            continue
        valence += _boost(tables, words[i - distance - 1], before, valence, mixed_case) * _DAMPING[distance]
        valence = _negate(tables, lowered, i, distance, valence)
        if distance == 2:
            valence = _read_idioms(tables, lowered, i, valence)
    if i > 0 and lowered[i - 1] == "least" and not (i > 1 and lowered[i - 2] in {"at", "very"}):
        valence *= _NEGATED
    return valence


def _boost(tables: _Tables, word: str, lowered: str, valence: float, mixed_case: bool) -> float:
    boost = tables.boosters.get(lowered)
    if boost is None:
        return 0.0
    if valence < 0:
        boost = -boost
    if mixed_case and word.isupper():
        boost += _CAPITALS if valence > 0 else -_CAPITALS
    return boost


def _negate(tables: _Tables, lowered: list[str], i: int, distance: int, valence: float) -> float:
    before = lowered[i - distance - 1]
    last = lowered[i - 1]
    if distance == 1:
        if before == "never" and last in {"so", "this"}:
            return valence * 1.25
        if before == "without" and last == "doubt":
            return valence
    elif distance == 2:
        middle = lowered[i - 2]
        # The library's precedence, kept: "so" or "this" right before the word strengthens it whatever came first.
        if (before == "never" and middle in {"so", "this"}) or last in {"so", "this"}:
            return valence * 1.25
        if before == "without" and "doubt" in {middle, last}:
            return valence
    return valence * _NEGATED if before in tables.negations or "n't" in before else valence


def _read_idioms(tables: _Tables, lowered: list[str], i: int, valence: float) -> float:
    third, second, first, word = lowered[i - 3 : i + 1]
    for phrase in (
        f"{first} {word}",
        f"{second} {first} {word}",
        f"{second} {first}",
        f"{third} {second} {first}",
        f"{third} {second}",
    ):
        if phrase in tables.special:
            valence = tables.special[phrase]
            break
    following = lowered[i + 1 : i + 3]
    for length in range(1, len(following) + 1):
        valence = tables.special.get(" ".join((word, *following[:length])), valence)
    for phrase in (f"{third} {second} {first}", f"{third} {second}", f"{second} {first}"):
        valence += tables.boosters.get(phrase, 0.0)
    return valence


def _weigh_around_but(valences: list[float], position: int) -> None:
    # As in the library: values are found again by equality, so equal values before an index share its weight.
    for k in range(len(valences)):
        value = valences[k]
        if value == 0:
            continue
        found = valences.index(value)
        if found < position:
            valences[found] = value * 0.5
        elif found > position:
            valences[found] = value * 1.5


def _emphasis(text: str) -> float:
    questions = text.count("?")
    asking = 0.0 if questions < 2 else questions * 0.18 if questions <= 3 else 0.96
    return min(text.count("!"), 4) * 0.292 + asking
