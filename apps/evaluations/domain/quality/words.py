"""Words, stems and content words of English text; cheap enough to run over every message."""

from __future__ import annotations

import string
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

# Signs around a word that are no part of it; VADER strips the same.
_AROUND = string.punctuation + "“”‘’«»…–—"
_SUFFIXES = (
    "ements", "ement", "ations", "ation", "ingly", "ities", "ments", "ment", "ings", "ing", "ies", "ied", "ers", "ely",
    "ed", "es", "er", "ly", "s", "e", "y",
)  # fmt: skip
_LISTS: dict[str, Any] = yaml.safe_load(resources.files(__package__).joinpath("words.yaml").read_text("utf-8"))
FUNCTION_WORDS = frozenset(_LISTS["function"].split())
NEGATIONS = frozenset(_LISTS["negations"].split())
# Language code → its commonest words.
COMMON_WORDS: dict[str, frozenset[str]] = {
    code: frozenset(words.split()) for code, words in _LISTS["languages"].items()
}


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case without the punctuation around them."""
    return [word for token in text.lower().split() if (word := token.strip(_AROUND))]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return a word without one common English ending; at least three letters stay."""
    if word.endswith("'s"):
        word = word[:-2]
    if not word.isalpha():
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls" else word
    return word


def content_stems(words: Iterable[str]) -> frozenset[str]:
    """Return the stems of the words that carry content: everything but function words and single letters."""
    return frozenset(stem(word) for word in words if word not in FUNCTION_WORDS and (len(word) > 1 or word.isdigit()))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets, 0 when either is empty."""
    if not one or not other:
        return 0.0
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
