"""Comparisons nobody randomised: held to tables, to simulations without an effect, and to a real drop."""

from __future__ import annotations

import random

import pytest

from apps.experiments.domain.observational import (
    difference_in_differences,
    mix_shift,
    placebo_dates,
    student_cdf,
    student_quantile,
)


# Student's t, two-sided 95 %, from any table.
@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (30, 2.042)]
)
def test_quantiles_of_students_t_are_those_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_quantile(0.975, degrees) == pytest.approx(quantile, abs=5e-4)
    assert student_cdf(-quantile, degrees) == pytest.approx(0.025, abs=1e-4)


def days(chance: random.Random, n: int, level: float = 0.2) -> list[float | None]:
    """Daily values that drift for days on end, as real ones do (autocorrelation .7)."""
    values, drift = [], 0.0
    for _ in range(n):
        drift = 0.7 * drift + chance.gauss(0, 0.02)
        values.append(level + drift)
    return values


def test_placebo_dates_cry_wolf_far_less_often_than_a_naive_test_does() -> None:
    chance = random.Random(5)
    found = [placebo_dates(series[:-14], series[-14:]) for series in (days(chance, 200) for _ in range(300))]

    false = sum(1 for each in found if each.interval and not each.interval[0] <= 0 <= each.interval[1])

    # Published for naive tests on such days: 22 to 46 %. Placebo windows overlap, so a little above 5 % is honest.
    assert {each.design for each in found} == {"interrupted time series"}
    assert false / len(found) < 0.12


def test_a_change_larger_than_any_placebo_is_found() -> None:
    chance = random.Random(5)
    found = placebo_dates(days(chance, 180), days(chance, 14, level=0.4))

    assert found.interval is not None
    assert found.interval[0] > 0
    assert found.difference == pytest.approx(0.2, abs=0.06)
    assert found.grade == "C"


def test_less_than_eight_weeks_of_history_describe_and_test_nothing() -> None:
    found = placebo_dates([0.2] * 30, [0.1] * 7)

    assert (found.design, found.grade, found.interval, found.p_value) == ("before/after", "D", None, None)
    assert found.why.startswith("descriptive: 26 more days")


def test_a_side_without_data_has_no_difference() -> None:
    assert placebo_dates([None] * 90, [0.1] * 7).difference is None


def test_difference_in_differences_by_hand() -> None:
    # Others changed by +.01, .00, -.01: mean 0, deviation .01; ours by -.11.
    found = difference_in_differences((0.23, 0.12), [(0.20, 0.21), (0.30, 0.30), (0.25, 0.24)])

    assert found is not None
    half = 4.30265 * 0.01 * (4 / 3) ** 0.5
    assert found.difference == pytest.approx(-0.11)
    assert found.interval == pytest.approx((-0.11 - half, -0.11 + half), abs=1e-6)
    assert found.grade == "B"


def test_two_untouched_applications_are_too_few() -> None:
    assert difference_in_differences((0.2, 0.1), [(0.2, 0.2), (0.3, 0.31)]) is None


def test_a_mix_is_compared_by_shares() -> None:
    assert mix_shift({"web": 90, "phone": 10}, {"web": 700, "phone": 300}) == pytest.approx(0.2)
    assert mix_shift({"web": 1}, {}) == 0.0
