"""Evidence: which conversations stand for a finding, without letting one user stand for it alone.

Attackers write what is analyzed here. One user supplies at most 1 % of a set of evidence, or three of it where that
is more; conversations whose user nobody named count as one user's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from apps.evaluations.domain.shares import most_of_one_user
from apps.insights.domain.signals import Signal


@dataclass(frozen=True)
class Candidate:
    """A conversation that could be evidence. ``user`` is the keyed hash of its user, '' where nobody was named."""

    conversation_id: int
    session_id: str
    user: str


@dataclass(frozen=True)
class Found:
    """A signal and the conversations that stand for it, newest first, no user beyond their share."""

    signal: Signal
    evidence: tuple[Candidate, ...]


def choose(candidates: Iterable[Candidate], *, limit: int, anonymous_are_one: bool = True) -> list[Candidate]:
    """Return up to ``limit`` of the candidates in their order, each user within their share.

    ``anonymous_are_one`` is false only for applications that never name users: there the cap could show three
    conversations in all, and no user can be told from another.
    """
    most = most_of_one_user(limit)
    taken: Counter[str] = Counter()
    chosen: list[Candidate] = []
    for candidate in candidates:
        if len(chosen) == limit:
            break
        counts = bool(candidate.user) or anonymous_are_one
        if counts and taken[candidate.user] >= most:
            continue
        taken[candidate.user] += 1
        chosen.append(candidate)
    return chosen
