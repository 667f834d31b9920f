"""Attacks that no single message shows: pieces that escalate over turns, and payloads spelled in parts.

Weak evidence is kept from turn to turn. Each new kind of it counts in full, the same kind again counts half, and an
attack needs at least two turns. The incident stands at the turn that completed it.
"""

from __future__ import annotations

from collections.abc import Sequence

from apps.evaluations.domain.security.fusion import ENOUGH, Evidence

_AGAIN = 0.5
# A turn that adds less than this is small talk, and is not where an attack is completed.
_NOTEWORTHY = 0.2
_SCORER = "scorer"
# Parts longer than this are sentences of their own, not pieces of one.
_PART = 80


def completed_at(turns: Sequence[Evidence], *, after: int = -1) -> int | None:
    """Return the index of the turn that completes a built-up attack, None if the turns do not add up to one.

    ``turns`` are a conversation's user turns, none of them an attack by itself; the last noteworthy turn that keeps
    the sum above the bar is the one returned. Turns up to ``after`` have been judged already.
    """
    total, groups, contributing, last = 0.0, dict[str, float](), 0, None
    for index, evidence in enumerate(turns):
        if index <= after:
            continue
        added = 0.0
        pieces = dict(evidence.groups)
        if evidence.scorer_points:
            pieces[_SCORER] = evidence.scorer_points / 2
        benefit = evidence.points - evidence.scorer_points - sum(evidence.groups.values())
        for group, weight in pieces.items():
            added += weight * _AGAIN if group in groups else weight
            groups[group] = max(weight, groups.get(group, 0.0))
        added = max(0.0, added + min(0.0, benefit))
        if added < _NOTEWORTHY:
            continue
        total, contributing = total + added, contributing + 1
        if total >= ENOUGH + 0.1 and contributing >= 2:
            last = index
    return last


def spelled_out(texts: Sequence[str]) -> str:
    """Return the folded user turns joined where they are short enough to be parts of one payload; empty if not."""
    if len(texts) < 3:
        return ""
    short = [text for text in texts if len(text) <= _PART]
    return " ".join(short) if len(short) >= 3 else ""
