"""The seam for a trained model: something that gives texts a score the rules can be fused with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

# What the names of scorers begin with, so that a finding tells whether a rule or a model made it.
SCORED_BY = "ngram-model"


class Scorer(Protocol):
    """Scores folded texts. ``threshold`` is the score that, alone, is enough to call a message an attack."""

    @property
    def name(self) -> str:
        """Name and version, as shown in findings (``name@version``)."""

    @property
    def threshold(self) -> float:
        """The score that is enough by itself, chosen on benign traffic."""

    def score(self, texts: Sequence[str]) -> Sequence[float]:
        """Return one score, 0 (benign) to 1 (attack), for each text."""

    def top_features(self, text: str, count: int = 5) -> list[tuple[str, float]]:
        """Return the pieces of a text that spoke most for an attack, each with its contribution."""
