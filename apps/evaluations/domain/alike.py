"""Texts that say nearly the same: told by the words and word pairs they share, by MinHash where there are many.

A text's signature keeps, for each of ``ROWS * BANDS`` orders of all pieces, the first of its own: two texts agree in as
large a share of them as they share pieces (Broder 1997, On the resemblance and containment of documents). Texts that
agree in all of a band are looked at together: with half of their pieces in common .88 of them meet, with a fifth .12.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from zlib import crc32

BANDS, ROWS = 16, 3
_WORD = re.compile(r"\w+")

Signature = tuple[int, ...]


def pieces_of(text: str) -> frozenset[bytes]:
    """Return the words and the pairs of neighbouring words of a text."""
    words = [word.encode() for word in _WORD.findall(text)]
    return frozenset([*words, *(b" ".join(pair) for pair in pairwise(words))])


def jaccard(one: frozenset[bytes], other: frozenset[bytes]) -> float:
    """Return the share of all pieces that both have; of two texts without words 0."""
    return len(one & other) / len(one | other) if one or other else 0.0


def sign(pieces: frozenset[bytes]) -> Signature:
    """Return the signature of a text by its pieces; of none ``()``, which is like nothing."""
    return tuple(min(crc32(piece, seed) for piece in pieces) for seed in range(BANDS * ROWS)) if pieces else ()


def bands_of(signature: Signature) -> Iterator[tuple[int, Signature]]:
    """Yield what texts to be looked at together have in common with one another."""
    for band in range(len(signature) // ROWS):
        yield band, signature[band * ROWS : (band + 1) * ROWS]


def likeness(one: Signature, other: Signature) -> float:
    """Return the estimated share of pieces both have: the standard error is at most .07."""
    if not one or len(one) != len(other):
        return 0.0
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


class Shelf:
    """Signatures put in one after the other, and found again by one that is like them."""

    def __init__(self, least: float) -> None:
        """``least`` is the likeness from which on two are the same."""
        self._least = least
        self._signatures: list[Signature] = []
        self._buckets: dict[tuple[int, Signature], list[int]] = defaultdict(list)

    def add(self, signature: Sequence[int]) -> int:
        """Put a signature in; return its number, counted from 0."""
        number = len(self._signatures)
        self._signatures.append(tuple(signature))
        for band in bands_of(self._signatures[-1]):
            self._buckets[band].append(number)
        return number

    def find(self, signature: Signature) -> int | None:
        """Return the number of the one most like this, the first of several; None where none is like it enough."""
        near = sorted({number for band in bands_of(signature) for number in self._buckets.get(band, ())})
        best = max(near, key=lambda number: likeness(self._signatures[number], signature), default=None)
        return best if best is not None and likeness(self._signatures[best], signature) >= self._least else None
