"""Hashed pieces of text: runs of five characters, or of up to three words, counted without keeping a vocabulary."""

from __future__ import annotations

import math
import re
from zlib import crc32

BITS = 20
BUCKETS = 1 << BITS
SIZE = 5
# Of a longer text only its beginning and its end are read: an attack hidden in the middle is left to the rules.
_HEAD, _TAIL = 2_500, 1_000
_DIGIT = re.compile(r"\d")
_SPACES = re.compile(r"\s+")
_UNIT = 2
_TOKEN = re.compile(r"\w+(?:'\w+)?|[^\w\s]")
_LONGEST_RUN = 3
# Lengths of replies are told apart in such stretches of characters; six of them, or six sentences, are long.
_STRETCH, _MOST = 60, 6
# Where a sentence ends, or turns ("…, but").
_SENTENCE = re.compile(r"(?<=[.!?:;]) | (?=(?:however|but)\b)")
# A word or two are no evidence, however much they weigh.
_PRIOR = 10


def tidy(text: str) -> str:
    """Return a folded text as it is cut: digits alike, so that no order number is remembered, and single spaces."""
    if len(text) > _HEAD + _TAIL:
        text = text[:_HEAD] + " " + text[-_TAIL:]
    return f" {_SPACES.sub(' ', _DIGIT.sub('0', text)).strip()} "


def buckets(tidied: str) -> list[int]:
    """Return the bucket, below ``BUCKETS``, of each run of ``SIZE`` characters, in order; none of a shorter text."""
    raw = tidied.encode("utf-16-le", "surrogatepass")
    last = len(raw) - (SIZE - 1) * _UNIT
    # A checksum, because Python's own hash differs from process to process.
    return [crc32(raw[at : at + SIZE * _UNIT]) & (BUCKETS - 1) for at in range(0, last, _UNIT)]


def reply_buckets(tidied: str) -> list[int]:
    """Return the bucket of each different run of one to three words or signs of a reply, in ascending order.

    Runs are counted once more, by their place, at the beginning of the reply, at the beginning of each sentence, and
    in the first and the last one: how a sentence opens and where a reply ends tells whether it refuses. Two pieces more
    say how many sentences there are and how long the reply is: compliance goes on, refusals are short.
    """
    runs = _runs(tidied, _LONGEST_RUN)
    runs |= {"^" + run for run in _openings(tidied)}
    sentences = [sentence for sentence in _SENTENCE.split(tidied) if sentence.strip()]
    for sentence in sentences:
        runs |= {"^S" + run for run in _openings(sentence)}
    for place, sentence in zip(("F ", "L "), sentences[:1] + sentences[-1:], strict=False):
        runs |= {place + run for run in _runs(sentence, _LONGEST_RUN - 1)}
    runs |= {f"#s{min(len(sentences), _MOST)}", f"#l{min(len(tidied) // _STRETCH, _MOST)}"}
    return sorted({crc32(run.encode("utf-8", "surrogatepass")) & (BUCKETS - 1) for run in runs})


def _runs(text: str, longest: int) -> set[str]:
    tokens = _TOKEN.findall(text)
    return {
        " ".join(tokens[at : at + length]) for length in range(1, longest + 1) for at in range(len(tokens) - length + 1)
    }


def _openings(text: str) -> list[str]:
    tokens = _TOKEN.findall(text)[:_LONGEST_RUN]
    return [" ".join(tokens[:length]) for length in range(1, len(tokens) + 1)]


def norm(count: int) -> float:
    """Return what the sum of a text's weights is divided by: the root of its length keeps long and short comparable."""
    return math.sqrt(count + _PRIOR)
