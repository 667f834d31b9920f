"""The text-free fact of one conversation: what counts and rates are made of, kept long after the text is gone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec

from apps.evaluations.domain.values import Conversation, ConversationResult

# Faults of the assistant alone; every other incident is an attack with an outcome.
FAULTS = frozenset({"system_prompt_leak", "pii_exposure", "credential_exposure"})
_SEVERITIES = ("low", "medium", "high", "critical")
# One conversation contributes at most so many reply times, so that no single session carries a percentile.
_MOST_REPLIES = 64
_NOTHING = Decimal(0)


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counts, scores and money of one conversation, without a word of what was said.

    ``day`` is the UTC date it began. Times are seconds unless the name says ms; money is in the organization's
    currency. ``attack_types`` and ``faults`` name every incident, ``pattern_turns`` counts turns where ``patterns``
    names each pattern once. None means not known. Everything but day and messages has a default, so that a fact
    written by an older version still reads.
    """

    day: date
    messages: int
    session_id: str = ""
    started_at: datetime | None = None
    last_at: datetime | None = None
    agent: str = ""
    channel: str = ""
    variant: str = ""
    prompt_version: str = ""
    model: str = ""
    environment: str = ""
    tags: tuple[str, ...] = ()
    unit_hash: str = ""
    user_messages: int = 0
    risk_score: float = 0.0
    attacks_blocked: int = 0
    attacks_succeeded: int = 0
    attacks_unclear: int = 0
    attack_types: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    suspicion: float = 0.0
    worst_severity: str = ""
    quality_score: float | None = None
    unscored_reason: str = ""
    patterns: tuple[str, ...] = ()
    pattern_turns: dict[str, int] = {}
    escalation_requested: bool = False
    escalation_offered: bool = False
    escalation_done: bool = False
    resolution: str = "unknown"
    resolution_time_s: float | None = None
    csat: float | None = None
    predicted_dissatisfaction: float | None = None
    upsell: str = "none"
    upsell_value: Decimal | None = None
    value: Decimal = _NOTHING
    factors: tuple[str, ...] = ()
    offers: int = 0
    churn: str = "none"
    churn_value: Decimal | None = None
    enterprise_lead: bool = False
    reply_time_p50_s: float | None = None
    reply_time_p95_s: float | None = None
    reply_times_ms: tuple[int, ...] = ()
    tokens: int | None = None
    cost: Decimal | None = None
    estimated: bool = False

    @property
    def attacks(self) -> int:
        """Return the number of attacks, whatever became of them."""
        return self.attacks_blocked + self.attacks_succeeded + self.attacks_unclear


def make_fact(conversation: Conversation, result: ConversationResult) -> Fact:
    """Return the fact of one conversation and its four results."""
    security, quality = result.security, result.quality
    business, performance = result.business, result.performance
    outcomes = {"blocked": 0, "succeeded": 0, "unclear": 0}
    attacks: list[str] = []
    faults: list[str] = []
    worst = -1
    for incident in security.incidents:
        worst = max(worst, _SEVERITIES.index(incident.severity))
        if incident.type in FAULTS:
            faults.append(incident.type)
        else:
            attacks.append(incident.type)
            outcomes[incident.outcome] += 1
    turns: dict[str, int] = {}
    for pattern in quality.found:
        turns[pattern.name] = turns.get(pattern.name, 0) + 1
    return Fact(
        day=conversation.started_at.astimezone(UTC).date(),
        messages=len(conversation.messages),
        session_id=conversation.session_id,
        started_at=conversation.started_at,
        last_at=conversation.last_at,
        agent=conversation.agent,
        channel=conversation.channel,
        variant=conversation.variant,
        prompt_version=conversation.prompt_version,
        model=conversation.model,
        environment=conversation.environment,
        tags=conversation.tags,
        unit_hash=conversation.user_hash,
        user_messages=sum(message.role == "user" for message in conversation.messages),
        risk_score=security.risk_score,
        attacks_blocked=outcomes["blocked"],
        attacks_succeeded=outcomes["succeeded"],
        attacks_unclear=outcomes["unclear"],
        attack_types=tuple(attacks),
        faults=tuple(faults),
        suspicion=security.suspicion,
        worst_severity=_SEVERITIES[worst] if worst >= 0 else "",
        quality_score=quality.score,
        unscored_reason=quality.unscored_reason,
        patterns=quality.patterns,
        pattern_turns=turns,
        escalation_requested=quality.escalation.requested,
        escalation_offered=quality.escalation.offered,
        escalation_done=quality.escalation.done,
        resolution=quality.resolution,
        resolution_time_s=quality.resolution_time_s,
        csat=quality.csat,
        predicted_dissatisfaction=quality.predicted_dissatisfaction,
        upsell=business.upsell,
        upsell_value=business.upsell_value,
        value=business.value,
        factors=business.factors,
        offers=business.offers,
        churn=business.churn,
        churn_value=business.churn_value,
        enterprise_lead=business.enterprise_lead,
        reply_time_p50_s=performance.reply_time_p50_s,
        reply_time_p95_s=performance.reply_time_p95_s,
        reply_times_ms=_bounded([round(seconds * 1000) for seconds in performance.reply_times_s]),
        tokens=performance.tokens,
        cost=performance.cost,
        estimated=performance.estimated,
    )


def _bounded(times: list[int]) -> tuple[int, ...]:
    if len(times) <= _MOST_REPLIES:
        return tuple(times)
    # Evenly spaced order statistics keep the shape of the distribution.
    ordered = sorted(times)
    step = (len(ordered) - 1) / (_MOST_REPLIES - 1)
    return tuple(ordered[round(index * step)] for index in range(_MOST_REPLIES))
