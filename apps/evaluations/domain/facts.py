"""The text-free fact of one conversation: what counts and rates are made of, kept long after the text is gone."""

from __future__ import annotations

from datetime import UTC, date

import msgspec

from apps.evaluations.domain.security.analyzer import ATTACKS
from apps.evaluations.domain.values import Conversation, SecurityResult


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counts of one conversation. ``day`` is the UTC date it began."""

    day: date
    messages: int
    risk_score: float = 0.0
    attacks_blocked: int = 0
    attacks_succeeded: int = 0
    attacks_unclear: int = 0
    attack_types: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def attacks(self) -> int:
        return self.attacks_blocked + self.attacks_succeeded + self.attacks_unclear


def make_fact(conversation: Conversation, security: SecurityResult) -> Fact:
    """Return the fact of one analyzed conversation."""
    attacks = [incident for incident in security.incidents if incident.type in ATTACKS]
    outcomes = [incident.outcome for incident in attacks]
    return Fact(
        day=conversation.started_at.astimezone(UTC).date(),
        messages=len(conversation.messages),
        risk_score=security.risk_score,
        attacks_blocked=outcomes.count("blocked"),
        attacks_succeeded=outcomes.count("succeeded"),
        attacks_unclear=outcomes.count("unclear"),
        attack_types=tuple(incident.type for incident in attacks),
        faults=tuple(incident.type for incident in security.incidents if incident.type not in ATTACKS),
    )
