"""What metadata claims about business, gathered over a conversation's messages.

Values are of mixed type in real logs (true, "immediate", 1, "no"), the same fact stands under several keys, and one
message may repeat another: every reading here is idempotent, and of a figure said twice the last stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from apps.evaluations.domain.business.money import read_amount
from apps.evaluations.domain.values import Conversation

_NO = frozenset({"", "false", "no", "none", "0", "null", "n/a", "unknown"})
_WON = frozenset({
    "upsell_success", "upsell_completed", "upsell_confirmed", "upsell", "upgrade_success", "upgrade_completed",
    "upgrade", "upgraded", "cross_sell_success", "conversion", "converted", "sale", "purchase", "purchased",
})  # fmt: skip
_NOT_WON = frozenset({
    "upsell_failed", "upsell_declined", "upsell_rejected", "upgrade_failed", "upgrade_declined",
    "not_converted", "no_sale",
})  # fmt: skip
_LOST = frozenset({
    "churn", "churned", "cancelled", "canceled", "cancellation", "cancellation_processed", "customer_lost",
})  # fmt: skip
_SAVED = frozenset({
    "retention", "retained", "retention_success", "churn_prevented", "churn_prevention", "saved",
    "customer_saved", "customer_retained",
})  # fmt: skip
# Said of an offer that the same message is about.
_SUCCESS, _FAILURE = frozenset({"success", "accepted", "won"}), frozenset({"failed", "declined", "rejected", "lost"})
_KEYS = frozenset({
    "upsell_attempt", "upsell_opportunity_identified", "upsell_completed", "upgrade_completed",
    "business_outcome", "outcome", "revenue_impact", "amount", "monthly_value", "new_plan", "current_plan",
    "retention_attempt", "retention_successful", "saved_customer", "cancellation_reason", "churn_risk",
    "action_taken", "issue_resolved", "sentiment", "personalized_benefits", "specific_numbers",
    "price_anchoring", "usage_statistics", "company", "company_size", "seats", "intent", "lead_quality",
    "email",
})  # fmt: skip


class Claims:
    """What was claimed, and where: indexes count messages; None where nothing was said."""

    def __init__(self) -> None:
        self.offers: list[int] = []
        self.won: int | None = None
        self.not_won: int | None = None
        self.at_risk: int | None = None
        self.saved: int | None = None
        self.lost: int | None = None
        self.retention_tried = False
        self.upsell_amount: Decimal | None = None
        self.churn_amount: Decimal | None = None
        self.other_amount: Decimal | None = None
        self.monthly_value: Decimal | None = None
        self.new_plan = ""
        self.current_plan = ""
        self.resolved: list[int] = []
        self.unhappy: list[int] = []
        self.factors: set[str] = set()
        self.lead: dict[str, Any] = {}


def says_yes(value: Any) -> bool:
    """Return whether a value of any type affirms: "immediate" does; "false", 0 and "none" do not."""
    return value.strip().lower() not in _NO if isinstance(value, str) else bool(value)


def read_claims(conversation: Conversation) -> Claims:
    """Return what the metadata of a conversation claims."""
    claims = Claims()
    for index, metadata in _speaking(conversation):
        _read_offer(claims, index, metadata)
        _read_churn(claims, index, metadata)
        _read_money(claims, index, metadata)
        _read_surroundings(claims, index, metadata)
    return claims


def _speaking(conversation: Conversation) -> Iterator[tuple[int, Mapping[str, Any]]]:
    told: set[str] = set()
    for index, message in enumerate(conversation.messages):
        if message.metadata and not _KEYS.isdisjoint(message.metadata):
            told.update(message.metadata)
            yield index, message.metadata
    # A conversation's own metadata repeats its messages'; only what no message said is news.
    if conversation.metadata and not _KEYS.isdisjoint(conversation.metadata):
        rest = {key: value for key, value in conversation.metadata.items() if key in _KEYS and key not in told}
        if rest:
            yield max(len(conversation.messages) - 1, 0), rest


def _words(metadata: Mapping[str, Any]) -> set[str]:
    values = (metadata.get("business_outcome"), metadata.get("action_taken"), metadata.get("outcome"))
    return {value.strip().lower().replace("-", "_").replace(" ", "_") for value in values if isinstance(value, str)}


def _read_offer(claims: Claims, index: int, metadata: Mapping[str, Any]) -> None:
    attempt = metadata.get("upsell_attempt")
    # An offer to pay less is an attempt to keep the customer.
    downgrade = isinstance(attempt, str) and "downgrade" in attempt.lower()
    claims.retention_tried |= downgrade
    attempted = says_yes(attempt) and not downgrade
    if attempted or says_yes(metadata.get("upsell_opportunity_identified")):
        claims.offers.append(index)
    words = _words(metadata)
    completed = (metadata.get("upsell_completed"), metadata.get("upgrade_completed"))
    if any(says_yes(value) for value in completed) or words & _WON or (attempted and words & _SUCCESS):
        claims.won = index
    elif any(value is not None for value in completed) or words & _NOT_WON or (attempted and words & _FAILURE):
        claims.not_won = index


def _read_churn(claims: Claims, index: int, metadata: Mapping[str, Any]) -> None:
    words = _words(metadata)
    if words & _LOST:
        claims.lost = index
    if words & _SAVED or says_yes(metadata.get("retention_successful")) or says_yes(metadata.get("saved_customer")):
        claims.saved = index
    tried = says_yes(metadata.get("retention_attempt"))
    claims.retention_tried |= tried
    risk = metadata.get("churn_risk")
    risky = risk >= 0.5 if isinstance(risk, float) else says_yes(risk) and str(risk).lower() not in ("low", "minimal")
    if (risky or tried or says_yes(metadata.get("cancellation_reason"))) and claims.at_risk is None:
        claims.at_risk = index


def _read_money(claims: Claims, index: int, metadata: Mapping[str, Any]) -> None:
    claims.new_plan = _name(metadata.get("new_plan")) or claims.new_plan
    claims.current_plan = _name(metadata.get("current_plan")) or claims.current_plan
    monthly = read_amount(metadata.get("monthly_value"))
    claims.monthly_value = claims.monthly_value if monthly is None else abs(monthly)
    amount = read_amount(metadata.get("revenue_impact"))
    if amount is None:
        amount = read_amount(metadata.get("amount"))
        # A bare amount is money earned or lost only where an outcome stands beside it: refunds are amounts too.
        if amount is not None and index not in (claims.won, claims.lost, claims.saved):
            return
    if amount is None:
        return
    if index == claims.won:
        claims.upsell_amount = amount
    elif index in (claims.lost, claims.saved):
        claims.churn_amount = abs(amount)
    else:
        claims.other_amount = amount


def _read_surroundings(claims: Claims, index: int, metadata: Mapping[str, Any]) -> None:
    if says_yes(metadata.get("issue_resolved")):
        claims.resolved.append(index)
    sentiment = metadata.get("sentiment")
    if (isinstance(sentiment, str) and sentiment.lower() in ("negative", "angry", "frustrated", "upset")) or (
        isinstance(sentiment, int | float) and not isinstance(sentiment, bool) and sentiment < 0
    ):
        claims.unhappy.append(index)
    for name in ("personalized_benefits", "specific_numbers", "price_anchoring", "usage_statistics"):
        if says_yes(metadata.get(name)):
            claims.factors.add(name)
    for name in ("company", "company_size", "seats", "intent", "lead_quality", "email"):
        if name in metadata:
            claims.lead[name] = metadata[name]


def _name(value: Any) -> str:
    return value.strip() if isinstance(value, str) and says_yes(value) else ""
