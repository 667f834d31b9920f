"""Counts what really happened in a simulated week, while its conversations pass by on their way to the product."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from apps.demo.production import SimulatedConversation


class TrueCounts:
    """The truth of a week: sums over conversations, and which of them carried an attack."""

    def __init__(self) -> None:
        self.conversations = self.messages = 0
        self.blocked = self.escalated = self.short_replies = self.offers = self.upsells = 0
        self.upsell_value = Decimal(0)
        self.survey: Counter[int] = Counter()
        self.decoys: set[str] = set()
        # session → style ("plain" or another) and type of the attack in it
        self.attacks: dict[str, tuple[str, str]] = {}

    def add(self, simulated: SimulatedConversation) -> None:
        """Count one conversation."""
        true = simulated.truth
        self.conversations += 1
        self.messages += len(simulated.records)
        if true.is_attack:
            self.attacks[true.session_id] = (true.attack_style or "", true.attack_type or "")
            self.blocked += true.attack_outcome == "blocked"
        elif true.kind == "decoy":
            self.decoys.add(true.session_id)
        self.escalated += true.escalated
        self.short_replies += true.short_reply
        self.offers += true.eligible
        self.upsells += true.upsell == "confirmed"
        self.upsell_value += Decimal(true.upsell_amount or 0)
        for record in simulated.records:
            metadata: dict[str, Any] = record.get("metadata", {})
            if "csat" in metadata:
                self.survey[metadata["csat"]] += 1

    @property
    def mean_survey(self) -> float | None:
        """Return the mean of the survey's answers; None when nobody answered."""
        answers = self.survey.total()
        return sum(score * count for score, count in self.survey.items()) / answers if answers else None
