"""The values analyzers exchange: frozen conversations in, frozen results out.

An analyzer is a pure function of a :class:`Conversation` and an :class:`ApplicationProfile`. Nothing here knows
Django, the clock or a database, so every analyzer can be run, tested and timed on its own. The result types encode
(with msgspec) to exactly the JSON of one entry of ``conversations`` in ``flywheel analyze --format json``.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

Severity = Literal["low", "medium", "high", "critical"]
OutcomeWord = Literal["blocked", "succeeded", "unclear"]
Resolution = Literal["confirmed", "assumed", "unresolved", "reopened", "unknown"]
Upsell = Literal["none", "offered", "agreed", "pending", "confirmed", "declined", "ignored"]
Churn = Literal["none", "at_risk", "saved", "prevented", "lost"]


class Message(msgspec.Struct, frozen=True, gc=False):
    """One turn. ``sent_at`` is aware (UTC); ``metadata`` is what the client sent, redacted."""

    digest: str
    role: Literal["user", "assistant", "system", "tool"]
    content: str
    sent_at: datetime
    metadata: dict[str, Any] = {}


class ReportedOutcome(msgspec.Struct, frozen=True):
    """A truth that arrived later through POST /outcomes (``conversion``, ``csat``, ``churn``, ``retained`` …)."""

    metric: str
    value: float | bool | str | None
    amount: Decimal | None
    occurred_at: datetime


class Conversation(msgspec.Struct, frozen=True):
    """One session of one application, its messages in time order."""

    session_id: str
    messages: tuple[Message, ...]
    started_at: datetime
    last_at: datetime
    id: int = 0
    user_hash: str = ""
    agent: str = ""
    channel: str = ""
    variant: str = ""
    prompt_version: str = ""
    model: str = ""
    environment: str = "production"
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    outcomes: tuple[ReportedOutcome, ...] = ()


class Plan(msgspec.Struct, frozen=True):
    """One entry of the plan catalogue: a name customers say, and what it costs a month."""

    name: str
    monthly_price: Decimal


class IntentSlots(msgspec.Struct, frozen=True):
    """What must be known before an intent can be served; used by failed_to_gather_context."""

    intent: str
    keywords: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]


class ApplicationProfile(msgspec.Struct, frozen=True):
    """What an organization told us about one application. Every field is optional."""

    system_prompt: str = ""
    canaries: tuple[str, ...] = ()
    plans: tuple[Plan, ...] = ()
    intents: tuple[IntentSlots, ...] = ()
    languages: tuple[str, ...] = ("en",)
    cost_per_thousand_input_tokens: Decimal | None = None
    cost_per_thousand_output_tokens: Decimal | None = None
    default_monthly_value: Decimal | None = None


class Incident(msgspec.Struct, frozen=True):
    """One security finding. ``message_index`` counts the conversation's messages from 0.

    For an attack it is the (last) attacking user message and ``outcome`` judges the reply to it; for a fault of the
    assistant alone it is the assistant's message and ``outcome`` is ``succeeded``. ``evidence`` is a short, masked
    excerpt; ``spans`` are (start, end) code-point offsets into that message's content, ``reply_spans`` into the
    reply's, where it gives something away; ``decided_by`` says whether
    metadata or text decided the outcome; ``provenance`` names the decodings that were needed (``base64`` …).
    """

    type: str
    severity: Severity
    outcome: OutcomeWord
    confidence: float
    message_index: int
    evidence: str
    rule: str
    taxonomy: tuple[str, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    reply_index: int | None = None
    decided_by: str = "text"
    disagreement: str = ""
    provenance: tuple[str, ...] = ()
    explanation: str = ""
    reply_spans: tuple[tuple[int, int], ...] = ()


class SecurityResult(msgspec.Struct, frozen=True):
    """Risk 0–10 and the incidents behind it. ``suspicion`` (0–1) is the scorer's highest user-message score, kept for
    messages no rule matched: the raw material of new attack patterns."""

    risk_score: float
    incidents: tuple[Incident, ...] = ()
    suspicion: float = 0.0
    suspicious_index: int | None = None


class QualityPattern(msgspec.Struct, frozen=True):
    """One occurrence of a poor-quality pattern, at one message."""

    name: str
    message_index: int
    severity: Severity
    evidence: str = ""
    explanation: str = ""


class Escalation(msgspec.Struct, frozen=True):
    """Asked for by the user, offered by the assistant, and really done, kept apart."""

    requested: bool = False
    offered: bool = False
    done: bool = False


class QualityResult(msgspec.Struct, frozen=True):
    """``score`` is None (and ``unscored_reason`` says why) where the features do not apply. ``settles_at`` is when a
    time-dependent answer (an assumed resolution) must be looked at again. ``found`` are the places of ``patterns``."""

    score: float | None
    subscores: dict[str, float] = {}
    patterns: tuple[str, ...] = ()
    escalation: Escalation = Escalation()
    resolution: Resolution = "unknown"
    resolution_time_s: float | None = None
    csat: float | None = None
    predicted_dissatisfaction: float | None = None
    language: str = ""
    unscored_reason: str = ""
    reasons: tuple[str, ...] = ()
    found: tuple[QualityPattern, ...] = ()
    settles_at: datetime | None = None


class BusinessResult(msgspec.Struct, frozen=True):
    """Money is Decimal in the organization's currency. ``value`` counts each dollar once; losses are negative."""

    upsell: Upsell = "none"
    upsell_value: Decimal | None = None
    value: Decimal = Decimal(0)
    factors: tuple[str, ...] = ()
    offers: int = 0
    offer_index: int | None = None
    churn: Churn = "none"
    churn_value: Decimal | None = None
    enterprise_lead: bool = False
    lead_signals: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    settles_at: datetime | None = None


class PerformanceResult(msgspec.Struct, frozen=True):
    """Seconds, tokens, money. ``estimated`` is true when tokens were counted from text, not reported."""

    reply_time_p50_s: float | None = None
    reply_time_p95_s: float | None = None
    reply_times_s: tuple[float, ...] = ()
    tokens: int | None = None
    cost: Decimal | None = None
    estimated: bool = False


class ConversationResult(msgspec.Struct, frozen=True):
    """All four analyses of one conversation."""

    security: SecurityResult
    quality: QualityResult
    business: BusinessResult
    performance: PerformanceResult
