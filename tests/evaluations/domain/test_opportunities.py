"""What to do next is ranked by volume, gap and value, and only what the data speaks for is named."""

from __future__ import annotations

import pytest

from apps.evaluations.domain.opportunities import days_of_test, find_opportunities
from apps.evaluations.domain.tally import MONEY, FactorTally, Moments, Tally

TOTAL = Tally(
    conversations=1000,
    escalations_done=200,
    patterns={"missing_specific_steps": 300, "generic_responses": 40},
    pattern_escalated={"missing_specific_steps": 120, "generic_responses": 8},
)


def test_a_pattern_that_goes_with_escalation_is_an_opportunity_and_one_that_does_not_is_none() -> None:
    found = find_opportunities(TOTAL)

    # 120 of 300 against 80 of 700: a gap of 0.4 − 0.1143 over 300 conversations.
    assert [each.key for each in found] == ["missing_specific_steps"]
    assert found[0].gain == pytest.approx(300 * (120 / 300 - 80 / 700))
    assert found[0].interval[0] < found[0].gain < found[0].interval[1]
    assert found[0].finding == "300 conversations, escalate 3.5× as often"


def test_offers_without_a_factor_are_worth_their_difference_times_the_average() -> None:
    total = Tally(
        conversations=1000,
        upsells={"confirmed": 100, "declined": 300},
        factors={"personalized_benefits": FactorTally(100, 45)},
        upsell_value=Moments(100, 100 * 20 * MONEY, 100 * (20 * MONEY) ** 2),
    )

    found = find_opportunities(total)

    assert [each.key for each in found] == ["personalized_benefits"]
    assert found[0].gain == pytest.approx(300 * (45 / 100 - 55 / 300) * 20)


def test_nothing_captured_is_no_opportunity() -> None:
    assert find_opportunities(Tally()) == []


def test_the_duration_of_a_test_follows_from_fleiss_and_the_traffic() -> None:
    # 263.18 per arm for .34 → .23 (Fleiss, Levin and Paik); 100 units a day over both arms.
    assert days_of_test(baseline=0.34, gap=0.11, units_a_day=100) == 6
    assert days_of_test(baseline=0.34, gap=0.0001, units_a_day=100) is None
