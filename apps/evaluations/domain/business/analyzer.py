"""The business analysis of one conversation: funnel, money, churn and leads, each with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from apps.evaluations.domain.business.claims import Claims, read_claims, says_yes
from apps.evaluations.domain.business.factors import NAMES, find_factors
from apps.evaluations.domain.business.leads import SIGNALS_NEEDED, read_signals
from apps.evaluations.domain.business.leaving import read_leaving
from apps.evaluations.domain.business.money import prices_in
from apps.evaluations.domain.business.offers import Answer, continues_offer, is_offer, read_answer
from apps.evaluations.domain.business.signs import ASSISTANT, NOTHING, USER
from apps.evaluations.domain.values import (
    ApplicationProfile,
    BusinessResult,
    Churn,
    Conversation,
    Message,
    ReportedOutcome,
    Upsell,
)

VERSION = "1"
# An offer nobody answered is ignored after three days, one to be thought over after thirty.
UNANSWERED, UNDECIDED = timedelta(hours=72), timedelta(days=30)
# Retention is a fact at thirty days; a report may come a little early.
RETAINED = timedelta(days=28)
_LONGEST = 8_000
_NOTHING = Decimal(0)


class BusinessAnalyzer:
    """Compiled once for one application."""

    def __init__(self, profile: ApplicationProfile) -> None:
        self._prices = {plan.name.strip().lower(): plan.monthly_price for plan in profile.plans}
        self._monthly = profile.default_monthly_value

    def analyze(self, conversation: Conversation, *, at: datetime) -> BusinessResult:
        """Return the funnel, money, churn and lead of a conversation, as far as they are known at ``at``.

        Money precedence: a reported outcome, then metadata, then the price in the accepted offer, then the plan
        catalogue. Each dollar is counted once, however many keys mention it.
        """
        claims = read_claims(conversation)
        texts = [message.content[:_LONGEST].replace("’", "'") for message in conversation.messages]
        signs = [_signs_of(message, text) for message, text in zip(conversation.messages, texts, strict=True)]
        funnel = _read_funnel(conversation, texts, signs, claims, at)
        churn, churn_reason, churn_settles = _read_churn(conversation, signs, claims, at)
        upsell_value = self._upsell_value(conversation, texts, claims, funnel)
        churn_value = None if churn == "none" else self._churn_value(conversation, claims)
        factors = claims.factors
        if funnel.offers:
            factors = factors | find_factors(
                conversation.messages, texts, signs, funnel.offers, resolved=claims.resolved, unhappy=claims.unhappy
            )
        signals = read_signals(conversation.messages, texts, signs, claims.lead)
        settles = [time for time in (funnel.settles_at, churn_settles) if time is not None]
        return BusinessResult(
            upsell=funnel.state,
            upsell_value=upsell_value,
            value=_count_once(claims, upsell_value, churn, churn_value),
            factors=tuple(name for name in NAMES if name in factors) if funnel.state != "none" else (),
            offers=len(funnel.offers),
            offer_index=funnel.offers[0] if funnel.offers else None,
            churn=churn,
            churn_value=churn_value,
            enterprise_lead=len(signals) >= SIGNALS_NEEDED,
            lead_signals=signals,
            reasons=tuple(reason for reason in (funnel.reason, churn_reason) if reason),
            settles_at=min(settles, default=None),
        )

    def _upsell_value(
        self, conversation: Conversation, texts: Sequence[str], claims: Claims, funnel: _Funnel
    ) -> Decimal | None:
        if funnel.state != "confirmed":
            return None
        reported = [o.amount for o in conversation.outcomes if _converted(o) and o.amount is not None]
        if reported:
            return sum(reported, _NOTHING)
        amount = claims.upsell_amount if claims.upsell_amount is not None else claims.other_amount
        if amount is not None:
            return amount
        for offer in reversed(funnel.offers):
            if offer <= funnel.accepted_at and (prices := prices_in(texts[offer])):
                # Of an anchor and a price, the price is the lower one.
                return min(prices)
        return self._plan_price(claims.new_plan, " ".join(texts[offer] for offer in funnel.offers))

    def _plan_price(self, new_plan: str, offered: str) -> Decimal | None:
        price = self._prices.get(new_plan.lower()) if new_plan else None
        if price is not None or new_plan:
            return price
        spoken = offered.lower()
        named = {price for name, price in self._prices.items() if f"{name} plan" in spoken}
        # Two plans in one offer: which one was bought is not known.
        return named.pop() if len(named) == 1 else None

    def _churn_value(self, conversation: Conversation, claims: Claims) -> Decimal | None:
        for outcome in conversation.outcomes:
            if outcome.metric in ("churn", "retained") and outcome.amount is not None:
                return abs(outcome.amount)
        if claims.churn_amount is not None:
            return claims.churn_amount
        if claims.monthly_value is not None:
            return claims.monthly_value
        return self._prices.get(claims.current_plan.lower(), self._monthly)


class _Funnel:
    """Where the upsell stands: the offers' messages, the state, since which message, and when to look again."""

    def __init__(
        self, state: Upsell, offers: list[int], accepted_at: int, reason: str, settles_at: datetime | None = None
    ) -> None:
        self.state = state
        self.offers = offers
        self.accepted_at = accepted_at
        self.reason = reason
        self.settles_at = settles_at


def _read_funnel(
    conversation: Conversation, texts: Sequence[str], signs: Sequence[frozenset[str]], claims: Claims, at: datetime
) -> _Funnel:
    messages = conversation.messages
    offers = _find_offers(messages, texts, signs, claims)
    answer, answered_at = _find_answer(messages, signs, offers)
    end = len(messages)
    if any(_converted(outcome) for outcome in conversation.outcomes):
        return _Funnel("confirmed", offers, answered_at if answer == "agreed" else end, "a conversion was reported")
    if claims.won is not None and (claims.not_won is None or claims.not_won < claims.won):
        return _Funnel("confirmed", offers, claims.won, "metadata says the upsell was completed")
    if any(outcome.metric == "conversion" for outcome in conversation.outcomes):
        return _Funnel("declined", offers, end, "reported as not converted")
    if claims.not_won is not None:
        return _Funnel("declined", offers, end, "metadata says the upsell failed")
    if not offers:
        return _Funnel("none", offers, end, "")
    if answer == "agreed":
        return _Funnel("agreed", offers, answered_at, "the user agreed; no outcome has confirmed it")
    if answer == "declined":
        return _Funnel("declined", offers, end, "the user declined")
    if answer == "later":
        due = messages[answered_at].sent_at + UNDECIDED
        if at < due:
            return _Funnel("pending", offers, end, "the user wants to decide later", due)
        return _Funnel("ignored", offers, end, "the user wanted to decide later and did not")
    if any(message.role == "user" for message in messages[offers[-1] + 1 :]):
        return _Funnel("ignored", offers, end, "the user talked about something else")
    due = messages[offers[-1]].sent_at + UNANSWERED
    if at < due:
        return _Funnel("offered", offers, end, "not answered yet", due)
    return _Funnel("ignored", offers, end, "the user did not answer")


def _find_offers(
    messages: Sequence[Message], texts: Sequence[str], signs: Sequence[frozenset[str]], claims: Claims
) -> list[int]:
    # Metadata may stand on the user's line; the offer is then the reply to it.
    replies = (_reply_at(messages, index) for index in claims.offers)
    found = {index for index in replies if index is not None}
    first = min(found, default=len(messages))
    for index, message in enumerate(messages):
        if message.role != "assistant" or not signs[index]:
            continue
        if is_offer(texts[index], signs[index]) or (index > first and continues_offer(signs[index])):
            found.add(index)
            first = min(first, index)
    return sorted(found)


def _reply_at(messages: Sequence[Message], index: int) -> int | None:
    return next((i for i in range(index, len(messages)) if messages[i].role == "assistant"), None)


def _find_answer(
    messages: Sequence[Message], signs: Sequence[frozenset[str]], offers: Sequence[int]
) -> tuple[Answer, int]:
    """Return the last decisive thing the user said after the first offer."""
    decided: tuple[Answer, int] = ("other", len(messages))
    if not offers:
        return decided
    offered = set(offers)
    last_spoken = offers[0]
    for index in range(offers[0], len(messages)):
        if messages[index].role == "assistant":
            last_spoken = index
        elif messages[index].role == "user":
            answer = read_answer(signs[index], direct=last_spoken in offered)
            if answer != "other":
                decided = (answer, index)
    return decided


def _signs_of(message: Message, text: str) -> frozenset[str]:
    if message.role == "user":
        return USER.signs_in(text)
    return ASSISTANT.signs_in(text) if message.role == "assistant" else NOTHING


def _read_churn(
    conversation: Conversation, signs: Sequence[frozenset[str]], claims: Claims, at: datetime
) -> tuple[Churn, str, datetime | None]:
    leaves, stays, gone = read_leaving(conversation.messages, signs)
    reported = sorted(
        (outcome for outcome in conversation.outcomes if outcome.metric in ("churn", "retained")),
        key=lambda outcome: outcome.occurred_at,
    )
    if reported:
        last = reported[-1]
        # A report without a value affirms its metric.
        affirmed = last.value is None or says_yes(last.value)
        if (last.metric == "churn") == affirmed:
            return "lost", "reported as lost", None
        if last.occurred_at - conversation.last_at >= RETAINED:
            return "prevented", "reported as retained at thirty days", None
        return "saved", "reported as retained, before thirty days", None
    if claims.lost is not None and (claims.saved is None or claims.saved < claims.lost):
        return "lost", "metadata says the customer was lost", None
    if claims.saved is not None:
        return _saved("metadata says the customer was kept", conversation, at)
    if gone is not None:
        return "lost", "the assistant said the cancellation was done", None
    if stays is not None:
        return _saved("the user decided to stay", conversation, at)
    if leaves is not None:
        return "at_risk", "the user talked of leaving", None
    if claims.at_risk is not None:
        return "at_risk", "metadata speaks of churn risk", None
    return "none", "", None


def _saved(reason: str, conversation: Conversation, at: datetime) -> tuple[Churn, str, datetime | None]:
    due = conversation.last_at + UNDECIDED
    return "saved", f"{reason}; whether it lasts is known after thirty days", due if at < due else None


def _count_once(claims: Claims, upsell_value: Decimal | None, churn: Churn, churn_value: Decimal | None) -> Decimal:
    value = upsell_value or _NOTHING
    if churn == "lost":
        value -= churn_value or _NOTHING
    elif churn == "prevented":
        value += churn_value or _NOTHING
    # What no upsell and no churn accounts for, counts as it stands; a loss that churn accounts for is in it already.
    other = claims.other_amount
    if other is not None and upsell_value is None and churn not in ("lost", "saved", "prevented"):
        value += other
    return value


def _converted(outcome: ReportedOutcome) -> bool:
    if outcome.metric != "conversion":
        return False
    # An amount is the news where no value is sent.
    return says_yes(outcome.value) if outcome.value is not None else outcome.amount is not None
