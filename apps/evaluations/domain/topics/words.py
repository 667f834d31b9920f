"""The words of a conversation that may tell what it is about: masked, in any script, without what every text says."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from apps.evaluations.domain.quality.words import COMMON_WORDS, FUNCTION_WORDS
from apps.evaluations.domain.quality.words import stem as english_stem
from apps.evaluations.domain.security.masking import mask

# What a user says first tells the topic; the rest of a long text costs and adds little.
LONGEST = 2_000
_MOST_WORDS = 200
_SHORTEST, _LONGEST_WORD = 3, 30
# Placeholders of redaction ([EMAIL]) and of {{names}} in prompts are no words of anybody.
_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z_]{2,}\]|\{\{[^{}]{0,60}\}\}|\bhttps?://\S+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Scripts that put no space between words: Thai, Lao, Khmer and Burmese, kana, Chinese characters.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
# When something happened, how it is told and courtesy are of every topic.
_ANYTIME = """
monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
october november december today yesterday tomorrow tonight morning evening week weeks month months day days year years
hour hours minute minutes ago since last yet already soon again still back first second two three four five many
hello dear afternoon welcome great nice good fine cool sounds perfect awesome lovely yep nope sure alright
find use used using take took try tried work works happen happens happened come comes came tells told asked
"""
_EMPTY = FUNCTION_WORDS.union(_ANYTIME.split(), *COMMON_WORDS.values())


def topic_words(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the words of a user's messages in their order, lower case, at most 200.

    Addresses, long numbers, keys and passwords are masked first, whatever the organization's redaction; what holds a
    digit is no word. A script without spaces gives its pairs of signs instead of words.
    """
    told = " ".join(texts)[:LONGEST]
    text = unicodedata.normalize("NFKC", _PLACEHOLDER.sub(" ", mask(told))).lower()
    found = []
    for word in _words(text):
        if word not in _EMPTY:
            # Ten thousand conversations say the same words: one of each is kept.
            found.append(sys.intern(word))
            if len(found) == _MOST_WORDS:
                break
    return tuple(found)


@lru_cache(maxsize=20_000)
def root(word: str) -> str:
    """Return what words of one root share: English endings off; other languages' words mostly stay as they are."""
    return english_stem(word.removesuffix("'s")) if word.isascii() else word


def _words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        word = match[0].replace("’", "'")
        if word.isascii():
            if _SHORTEST <= len(word) <= _LONGEST_WORD:
                yield word
        elif run := _UNSPACED.search(word):
            signs = run[0][: 2 * _LONGEST_WORD]
            yield from (signs[i : i + 2] for i in range(len(signs) - 1))
        elif 1 < len(word) <= _LONGEST_WORD:
            yield word
