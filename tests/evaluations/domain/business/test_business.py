from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.business import BusinessAnalyzer
from apps.evaluations.domain.business.money import read_amount
from apps.evaluations.domain.values import ApplicationProfile, BusinessResult, Plan, ReportedOutcome
from tests.evaluations.domain.made import AT, Turn, talk

PROFILE = ApplicationProfile(
    plans=(Plan("Starter", Decimal("9.00")), Plan("Growth", Decimal("49.00"))), default_monthly_value=Decimal("30.00")
)
NOW = AT + timedelta(minutes=5)
LATER = AT + timedelta(days=60)
OFFER = "You are close to your limit. Would you like to upgrade to our Pro plan for $24.50 a month?"


def analyze(
    *turns: Turn, at: datetime = NOW, outcomes: tuple[ReportedOutcome, ...] = (), **fields: Any
) -> BusinessResult:
    return BusinessAnalyzer(PROFILE).analyze(talk(*turns, outcomes=outcomes, **fields), at=at)


def report(metric: str, value: float | bool | str | None = True, amount: str | None = None, days: int = 1) -> Any:
    return ReportedOutcome(metric, value, Decimal(amount) if amount else None, AT + timedelta(days=days))


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("Yes please", "agreed"),
        ("No problem, go ahead", "agreed"),
        ("Sounds great, upgrade me", "agreed"),
        ("Yes, but what would I get?", "ignored"),
        ("No thanks", "declined"),
        ("That is too expensive for us", "declined"),
        ("Let me think about it", "pending"),
        ("Where is my invoice from May", "ignored"),
    ],
)
def test_the_answer_to_an_offer_decides_the_state(answer: str, state: str) -> None:
    result = analyze(("user", "How full is my account"), ("assistant", OFFER), ("user", answer))

    assert result.upsell == state
    assert (result.offers, result.offer_index) == (1, 1)


def test_saying_yes_is_not_money() -> None:
    result = analyze(("assistant", OFFER), ("user", "Yes please"))

    assert (result.upsell, result.upsell_value, result.value) == ("agreed", None, Decimal(0))


def test_an_offer_waits_three_days_for_an_answer_and_a_postponed_one_thirty() -> None:
    fresh = analyze(("user", "hi"), ("assistant", OFFER))
    postponed = analyze(("assistant", OFFER), ("user", "maybe later"))

    assert (fresh.upsell, fresh.settles_at) == ("offered", AT + timedelta(seconds=10, hours=72))
    assert (postponed.upsell, postponed.settles_at) == ("pending", AT + timedelta(seconds=10, days=30))
    assert analyze(("user", "hi"), ("assistant", OFFER), at=LATER).upsell == "ignored"
    assert analyze(("assistant", OFFER), ("user", "maybe later"), at=LATER).upsell == "ignored"
    assert analyze(("assistant", OFFER), ("user", "maybe later"), at=LATER).settles_at is None


@pytest.mark.parametrize(
    "text",
    [
        "You were upgraded by mistake. Would you like a refund of the Pro plan at $29?",
        "The outage came from a platform upgrade. Would you like to know more?",
        "Would you like me to look into your order?",
        "I've upgraded you to the Pro plan at $24.50. Would you like a receipt?",
    ],
)
def test_talk_of_upgrades_that_sells_nothing_is_no_offer(text: str) -> None:
    assert analyze(("user", "hello"), ("assistant", text), ("user", "yes")).upsell == "none"


def test_money_named_by_several_keys_and_messages_is_counted_once() -> None:
    result = analyze(
        ("assistant", OFFER, {"upsell_attempt": True}),
        ("user", "Yes please"),
        (
            "assistant",
            "Done.",
            {"upsell_completed": True, "business_outcome": "upsell_success", "revenue_impact": 19.99},
        ),
        ("assistant", "Receipt sent.", {"upgrade_completed": "immediate", "revenue_impact": "$19.99"}),
        metadata={"revenue_impact": 19.99, "upsell_completed": True},
    )

    assert (result.upsell, result.upsell_value, result.value) == ("confirmed", Decimal("19.99"), Decimal("19.99"))


def test_metadata_comes_before_the_price_in_the_offer_and_that_before_the_catalogue() -> None:
    yes: Turn = ("user", "Yes please")
    stated = analyze(("assistant", OFFER), yes, ("assistant", "Done", {"upsell_completed": True, "revenue_impact": 12}))
    offered = analyze(
        ("assistant", OFFER), yes, ("assistant", "Done", {"upsell_completed": True, "new_plan": "Growth"})
    )
    listed = analyze(
        ("assistant", "Would you like to upgrade to the growth plan?"), yes,
        ("assistant", "Done", {"upsell_completed": True}),
    )  # fmt: skip
    unknown = analyze(("user", "hi"), ("assistant", "Done", {"upsell_completed": True}))

    assert [r.upsell_value for r in (stated, offered, listed, unknown)] == [
        Decimal("12.00"), Decimal("24.50"), Decimal("49.00"), None,
    ]  # fmt: skip


def test_a_late_conversion_confirms_and_its_amount_stands() -> None:
    result = analyze(("assistant", OFFER), ("user", "Yes please"), outcomes=(report("conversion", True, "22.00"),))

    assert (result.upsell, result.upsell_value, result.value) == ("confirmed", Decimal("22.00"), Decimal("22.00"))


def test_a_conversion_with_an_amount_alone_confirms() -> None:
    assert (
        analyze(("assistant", OFFER), ("user", "ok"), outcomes=(report("conversion", None, "5"),)).upsell == "confirmed"
    )


def test_a_reported_non_conversion_declines() -> None:
    assert analyze(("assistant", OFFER), ("user", "Yes"), outcomes=(report("conversion", False),)).upsell == "declined"


@pytest.mark.parametrize(
    ("metadata", "state"),
    [
        ({"upsell_attempt": True, "outcome": "accepted"}, "confirmed"),
        ({"upsell_attempt": True, "business_outcome": "upsell_failed"}, "declined"),
        ({"upsell_attempt": "downgrade"}, "none"),
        ({"upsell_attempt": "false"}, "none"),
        ({"upsell_completed": False, "upsell_attempt": 1}, "declined"),
        ({"business_outcome": "upgrade_success"}, "confirmed"),
    ],
)
def test_metadata_of_mixed_types_is_read(metadata: dict[str, Any], state: str) -> None:
    assert analyze(("user", "hi"), ("assistant", "Here you are", metadata), ("user", "fine"), at=LATER).upsell == state


def test_a_user_who_wants_to_leave_is_at_risk_and_one_who_stays_is_saved_for_now() -> None:
    leaving: Turn = ("user", "I want to cancel my subscription")
    risk = analyze(leaving, ("assistant", "May I ask why?"))
    saved = analyze(leaving, ("assistant", "We can pause it."), ("user", "OK, I'll keep it"))

    assert (risk.churn, risk.churn_value, risk.value) == ("at_risk", Decimal("30.00"), Decimal(0))
    assert (saved.churn, saved.value) == ("saved", Decimal(0))
    assert saved.settles_at == AT + timedelta(seconds=20, days=30)


def test_cancelling_an_order_is_not_churn() -> None:
    assert analyze(("user", "Please cancel my order 1234")).churn == "none"


def test_retention_counts_as_prevented_only_at_thirty_days() -> None:
    turns: tuple[Turn, ...] = (
        ("user", "cancel my account"),
        ("assistant", "ok", {"retention_successful": True, "monthly_value": 40}),
    )
    early = analyze(*turns, outcomes=(report("retained", True, days=5),))
    late = analyze(*turns, outcomes=(report("retained", True, days=30),))

    assert (early.churn, early.value) == ("saved", Decimal(0))
    assert (late.churn, late.churn_value, late.value) == ("prevented", Decimal("40.00"), Decimal("40.00"))


@pytest.mark.parametrize("outcome", [report("churn", True), report("retained", False), report("churn", None)])
def test_a_reported_loss_is_a_loss_whatever_was_said(outcome: ReportedOutcome) -> None:
    result = analyze(
        ("user", "cancel my plan"), ("assistant", "Kept!", {"retention_successful": True}), outcomes=(outcome,)
    )

    assert (result.churn, result.value) == ("lost", Decimal("-30.00"))


def test_a_lost_customer_is_subtracted_once_however_often_it_is_said() -> None:
    result = analyze(
        ("user", "I want to cancel my subscription", {"cancellation_reason": "cost", "monthly_value": 29.99}),
        (
            "assistant", "I've processed your cancellation.",
            {"action_taken": "cancellation_processed", "business_outcome": "churn", "revenue_impact": -29.99},
        ),
    )  # fmt: skip

    assert (result.churn, result.churn_value, result.value) == ("lost", Decimal("29.99"), Decimal("-29.99"))


def test_factors_are_found_in_and_around_the_offer() -> None:
    result = analyze(
        ("user", "Sync is broken"),
        ("assistant", "Please reconnect it in the settings."),
        ("user", "That worked, thank you"),
        (
            "assistant",
            "Glad it did! Based on your current usage of 900 of your 1,000 requests, the Pro plan would save you time: "
            "would you like to upgrade for $20 a month instead of $30?",
        ),
        ("user", "yes"),
    )  # fmt: skip

    assert result.factors == (
        "personalized_benefits", "after_successful_support", "price_anchoring", "usage_statistics", "specific_numbers",
    )  # fmt: skip


def test_an_offer_to_an_unhappy_user_is_not_after_successful_support() -> None:
    result = analyze(
        ("user", "hi"), ("user", "thanks, that worked"), ("user", "but this is ridiculous, still broken"),
        ("assistant", OFFER),
    )  # fmt: skip

    assert "after_successful_support" not in result.factors


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("We need your enterprise plan for 500+ users", True),
        ("Do you offer SSO? Please have sales contact me, jane@acme-industries.com", True),
        ("We are 12 people and want a quote", False),
        ("Is there an SLA", False),
        ("My mail is jane@gmail.com and I have 60 users", False),
    ],
)
def test_two_signs_make_an_enterprise_lead(text: str, lead: bool) -> None:
    assert analyze(("user", text)).enterprise_lead is lead


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (19.99, "19.99"), ("$1,200.50", "1200.50"), ("-50", "-50.00"), ("29.99 USD", "29.99"), (True, None),
        ("soon", None), (float("nan"), None), (10**9, None), ("1" * 5000, None), ([], None),
    ],
)  # fmt: skip
def test_amounts_of_any_type_are_read_or_refused(value: Any, amount: str | None) -> None:
    assert read_amount(value) == (None if amount is None else Decimal(amount))


_values = (
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2) | st.integers()
)
_keys = st.sampled_from(
    ["upsell_attempt", "upsell_completed", "business_outcome", "revenue_impact", "monthly_value", "churn_risk", "seats",
     "sentiment", "outcome", "amount", "company_size", "email", "new_plan", "current_plan", "cancellation_reason"]
)  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text(max_size=60) | st.just(OFFER),
                  st.dictionaries(_keys, _values, max_size=4)),
        max_size=6,
    ).map(tuple)
)  # fmt: skip
def test_no_log_whatever_its_types_breaks_the_analysis(turns: tuple[Turn, ...]) -> None:
    result = analyze(*turns)

    assert result == analyze(*turns)
    assert (result.upsell == "none") or result.offers or result.upsell in ("confirmed", "declined")
    assert result.upsell_value is None or result.upsell == "confirmed"
