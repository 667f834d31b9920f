"""Tallies: sufficient statistics over facts that can be merged in any order."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from apps.evaluations.domain.facts import Fact


class Tally(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sums over conversations. ``types`` and ``faults`` count incidents by type."""

    conversations: int = 0
    messages: int = 0
    attacks_blocked: int = 0
    attacks_succeeded: int = 0
    attacks_unclear: int = 0
    risk_sum: float = 0.0
    types: dict[str, int] = {}
    faults: dict[str, int] = {}

    def merge(self, other: Tally) -> Tally:
        """Return the tally of both sets of conversations, which must not overlap."""
        return Tally(
            self.conversations + other.conversations,
            self.messages + other.messages,
            self.attacks_blocked + other.attacks_blocked,
            self.attacks_succeeded + other.attacks_succeeded,
            self.attacks_unclear + other.attacks_unclear,
            self.risk_sum + other.risk_sum,
            _added(self.types, other.types),
            _added(self.faults, other.faults),
        )


def tally(facts: Iterable[Fact]) -> Tally:
    """Return the tally of these facts."""
    total = Tally()
    for fact in facts:
        total = total.merge(
            Tally(
                1,
                fact.messages,
                fact.attacks_blocked,
                fact.attacks_succeeded,
                fact.attacks_unclear,
                fact.risk_score,
                _counted(fact.attack_types),
                _counted(fact.faults),
            )
        )
    return total


def _counted(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _added(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in sorted({*left, *right})} if right else left
