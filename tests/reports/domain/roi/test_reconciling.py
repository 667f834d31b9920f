"""Published figures, computed again: they agree, or the model says which do not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.reports.domain.roi.claimed import simple_return
from apps.reports.domain.roi.stated import warnings_of
from tests.reports.domain.roi.models import drawn, model_of


def stated(text: str) -> list[str]:
    claimed = "claimed: {months: 1, benefits: [{key: any, each: month, price: 1}]}"
    return warnings_of(model_of(f"{claimed}\nstated:\n  - {text}\n"))


@pytest.mark.parametrize(
    ("factors", "value"),
    [
        ("[1092, 11 points, 19.99]", "$2,401"),
        ("[1092, 11 points, 19.99, 50%]", "$1,200.60"),
        ("[55 s, 10000]", "152.8"),
        ("[55 s, 10000, 20]", "$3,056"),
    ],
)
def test_what_follows_from_its_factors_is_not_warned_of(factors: str, value: str) -> None:
    assert stated(f'{{figure: worth, factors: {factors}, value: "{value}"}}') == []


def test_a_product_that_does_not_follow_is_said_with_what_it_is() -> None:
    (warning,) = stated('{figure: upsells, factors: [1092, 11 points, 19.99], value: "$24,000"}')
    assert warning == "upsells: 1092 × 11 points × 19.99 = 2,401.2, not $24,000"


def test_23_to_12_percent_is_a_fall_of_48_percent_not_of_23() -> None:
    (warning,) = stated("{figure: escalations, before: 23%, after: 12%, change: -23%}")
    assert warning == "escalations 23 % → 12 % is −48 %, not −23 %"
    assert stated("{figure: escalations, before: 23%, after: 12%, change: -48%}") == []


def test_points_given_for_a_relative_change_are_recognised() -> None:
    (warning,) = stated("{figure: escalations, before: 23%, after: 12%, change: -11%}")
    assert warning.endswith("(that is the difference in points)")


def test_the_simple_calculation_people_know() -> None:
    model = model_of("""
        claimed:
          months: 12
          costs: [{key: set-up, each: once, quantity: 40, price: 100}]
          benefits: [{key: quality, each: month, price: 8000}, {key: business, each: month, price: 2400}]
    """)
    assert model.claimed is not None
    found = simple_return(model.claimed)
    assert found is not None
    assert (found.ratio, found.roi_percent) == (Decimal("2.6"), Decimal(160))
    assert found.annual_value == 124_800


def test_a_measured_line_is_worth_effect_times_volume_times_unit_value() -> None:
    found = drawn("""
        months: 1
        benefits:
          - {key: upsells, grade: A, metric: upsell_rate, volume: 1092, unit_value: 19.99,
             effect: {estimate: 11 points, low: 11 points, high: 11 points, taken: after_decision}}
          - {key: handling, grade: A, metric: resolution_time, volume: 10000, unit_value: 20, realisation: 1,
             effect: {estimate: -55 s, low: -55 s, high: -55 s, direction: decrease, taken: after_decision}}
    """)
    worth = {line.key: line.total.p50 for line in found.lines}
    assert worth == {"upsells": Decimal("2401.20"), "handling": Decimal("3055.56")}
