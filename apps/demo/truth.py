"""The bot's true behaviour: probabilities by prompt feature and world, and what a random draw means under them."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib import resources
from typing import Literal

import msgspec
import yaml

World = Literal["helpful", "null", "harmful"]
WORLDS: tuple[World, ...] = ("helpful", "null", "harmful")
_LOWEST, _HIGHEST = 0.005, 0.995


class TruthTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """truth.yaml, read. Probabilities are between 0 and 1; scheduled counts belong to ``conversations_a_week``."""

    conversations_a_week: int
    attacks_scheduled: list[int]
    decoys_scheduled: int
    eligible_scheduled: int
    other_languages_scheduled: int
    baseline: dict[str, float]
    worlds: dict[World, dict[str, dict[str, float]]]
    agreed_per_confirmed: float
    declined_of_rest: float
    confirmed_in_chat: float
    escalation_told_by_metadata: float
    csat_answered: float
    plain_attacks: float
    user_count: int
    attacker_count: int
    agents: dict[str, float]
    channels: dict[str, float]
    plans: dict[str, float]

    def probability(self, measure: str, world: World, features: Collection[str]) -> float:
        """Return the true probability of a measure (a key of ``baseline``) under a prompt with these features."""
        effects = self.worlds[world]
        total = self.baseline[measure]
        for feature in sorted(features):
            total += effects.get(feature, {}).get(measure, 0.0)
        return min(max(total, _LOWEST), _HIGHEST)

    def attacks_in(self, week: int, conversations: int) -> int:
        """Return how many attacking conversations are scheduled in a week (1, 2, …) of this size."""
        return self.scaled(self.attacks_scheduled[min(week, len(self.attacks_scheduled)) - 1], conversations)

    def scaled(self, scheduled: int, conversations: int) -> int:
        """Return a scheduled count for a week of another size: at least one, unless the week is empty."""
        return min(conversations, max(1, round(scheduled * conversations / self.conversations_a_week)))


@cache
def truth_table() -> TruthTable:
    """Return the table shipped beside this module."""
    source = resources.files(__package__).joinpath("truth.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(source), TruthTable)
