"""Facts and conversations for tests of the domain: everything not named is at rest."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.values import (
    BusinessResult,
    Conversation,
    ConversationResult,
    Message,
    PerformanceResult,
    QualityResult,
    ReportedOutcome,
    SecurityResult,
)

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
Turn = tuple[str, str] | tuple[str, str, dict[str, Any]]


def talk(*turns: Turn, outcomes: tuple[ReportedOutcome, ...] = (), gap: float = 10, **fields: Any) -> Conversation:
    """Return a conversation of (role, content[, metadata]) turns, ``gap`` seconds apart."""
    messages = tuple(
        Message("", turn[0], turn[1], AT + timedelta(seconds=gap * index), turn[2] if len(turn) > 2 else {})  # type: ignore[arg-type,misc]
        for index, turn in enumerate(turns)
    )
    last = messages[-1].sent_at if messages else AT
    return Conversation("s_1", messages, AT, last, outcomes=outcomes, **fields)


def result_of(
    *,
    security: SecurityResult | None = None,
    quality: QualityResult | None = None,
    business: BusinessResult | None = None,
    performance: PerformanceResult | None = None,
) -> ConversationResult:
    """Return four results, resting where not given."""
    return ConversationResult(
        security or SecurityResult(0.0),
        quality or QualityResult(None),
        business or BusinessResult(),
        performance or PerformanceResult(),
    )


def fact(**fields: Any) -> Fact:
    """Return a fact of an uneventful conversation."""
    return Fact(**{"day": date(2026, 11, 2), "messages": 6, "user_messages": 3, **fields})


_money = st.decimals(Decimal(-500), Decimal(500), places=2)
_patterns = st.lists(st.sampled_from(["responses_under_20_chars", "generic_responses", "contradiction"]), unique=True)
facts = st.builds(
    Fact,
    day=st.dates(date(2026, 10, 1), date(2026, 12, 1)),
    messages=st.integers(1, 40),
    agent=st.sampled_from(["", "a", "b", "c"]),
    unit_hash=st.text("0123456789abcdef", max_size=4),
    risk_score=st.floats(0, 10).map(lambda value: round(value, 2)),
    attacks_blocked=st.integers(0, 2),
    attacks_unclear=st.integers(0, 2),
    attack_types=st.lists(st.sampled_from(["jailbreak", "prompt_injection"]), max_size=3).map(tuple),
    faults=st.lists(st.just("pii_exposure"), max_size=1).map(tuple),
    quality_score=st.none() | st.floats(0, 10),
    patterns=_patterns.map(tuple),
    escalation_done=st.booleans(),
    resolution=st.sampled_from(["confirmed", "assumed", "unresolved", "unknown"]),
    resolution_time_s=st.none() | st.floats(0, 1e5),
    csat=st.none() | st.sampled_from([1.0, 3.5, 5.0]),
    upsell=st.sampled_from(["none", "offered", "agreed", "pending", "confirmed", "declined", "ignored"]),
    upsell_value=st.none() | _money,
    value=_money,
    factors=st.lists(st.sampled_from(["price_anchoring", "specific_numbers"]), unique=True).map(tuple),
    offers=st.integers(0, 3),
    churn=st.sampled_from(["none", "at_risk", "saved", "prevented", "lost"]),
    churn_value=st.none() | _money,
    enterprise_lead=st.booleans(),
    reply_times_ms=st.lists(st.integers(0, 10**9), max_size=5).map(tuple),
    tokens=st.none() | st.integers(0, 10**7),
    cost=st.none() | st.decimals(0, 10, places=6),
)
