"""From matching rules (and a scorer's opinion) to one decision about one message: is it an attack, and which.

Evidence is additive: a rule's weight says how much of a proof its match is, 0.9 being enough. Rules of one group say
the same thing, so only the heaviest counts. Benign rules subtract, but a message that two strong rules agree on
cannot talk itself free.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from apps.evaluations.domain.security.kinds import ATTACKS, BENIGN
from apps.evaluations.domain.security.rulepack import Rule

ENOUGH = 0.9
_MOST_BENEFIT_OF_DOUBT = -1.0
# Between a scorer's own threshold and this share of it, its opinion counts in part.
_SCORER_WEIGHT = 1.0


class Match(msgspec.Struct, frozen=True):
    """One rule found in one message; ``span`` counts the original message's code points."""

    rule: Rule
    span: tuple[int, int]
    provenance: tuple[str, ...] = ()


class Evidence(msgspec.Struct, frozen=True):
    """What one message shows. ``points`` ≥ ``ENOUGH`` is an attack; ``scorer_points`` is the scorer's share of them."""

    points: float = 0.0
    matches: tuple[Match, ...] = ()
    scorer_points: float = 0.0
    suspicion: float = 0.0

    @property
    def is_attack(self) -> bool:
        return self.points >= ENOUGH

    @property
    def groups(self) -> dict[str, float]:
        """Group → weight of the attack rules found."""
        return strongest_by_group(match.rule for match in self.matches if match.rule.type in ATTACKS)

    @property
    def main(self) -> Match | None:
        """The heaviest match of the type that has most weight; None when only the scorer speaks."""
        votes: dict[str, float] = {}
        for match in self.matches:
            if match.rule.type in ATTACKS:
                votes[match.rule.type] = votes.get(match.rule.type, 0.0) + match.rule.weight
        if not votes:
            return None
        kind = max(votes, key=lambda name: votes[name])
        return max((m for m in self.matches if m.rule.type == kind), key=lambda m: m.rule.weight)


def strongest_by_group(rules: Iterable[Rule]) -> dict[str, float]:
    """Return group (or the rule's id) → heaviest weight."""
    groups: dict[str, float] = {}
    for rule in rules:
        key = rule.group or rule.id
        groups[key] = max(groups.get(key, rule.weight), rule.weight)
    return groups


def weigh(matches: Sequence[Match], suspicion: float = 0.0, threshold: float | None = None) -> Evidence:
    """Fuse matches with a scorer's score (0–1), of which ``threshold`` alone is enough; None: no scorer."""
    benefit = sum(strongest_by_group(m.rule for m in matches if m.rule.type == BENIGN).values())
    attack = strongest_by_group(m.rule for m in matches if m.rule.type in ATTACKS)
    points = sum(attack.values())
    if sum(weight >= ENOUGH for weight in attack.values()) < 2:
        points += max(benefit, _MOST_BENEFIT_OF_DOUBT)
    scorer_points = scorer_share(suspicion, threshold) if threshold is not None else 0.0
    # Talk about prompts and security misleads a scorer as it does a rule.
    if benefit < 0 and points < ENOUGH:
        scorer_points = max(0.0, scorer_points + benefit)
    return Evidence(max(0.0, points) + scorer_points, tuple(matches), scorer_points, suspicion)


def scorer_share(suspicion: float, threshold: float) -> float:
    """Return the points of a score: ``ENOUGH`` at the threshold, falling with its log-odds, 0 three units below."""
    if suspicion <= 0.0:
        return 0.0
    distance = _logit(suspicion) - _logit(threshold)
    return min(1.5, max(0.0, ENOUGH * (1.0 + distance / 3.0))) * _SCORER_WEIGHT


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))
