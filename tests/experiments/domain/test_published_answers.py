"""The statistics against published answers and hand-computed examples."""

from __future__ import annotations

import math

import pytest

from apps.experiments.domain.statistics import (
    RatioSummary,
    Summary,
    compare,
    compare_ratio,
    detectable_effect,
    sample_ratio,
    sample_size,
)
from apps.experiments.domain.statistics.distributions import fisher_exact

CONTROL, TREATMENT = Summary.of_successes(23, 100), Summary.of_successes(34, 100)


def test_23_against_34_of_a_hundred_is_not_significant() -> None:
    # z-test p, Newcombe's and Katz's intervals, recomputed by hand and with statsmodels.
    found = compare(CONTROL, TREATMENT, metric="proportion", method="fixed")

    assert found.difference == pytest.approx(0.11)
    assert found.p_value == pytest.approx(0.0849, abs=5e-4)
    assert found.interval == pytest.approx((-0.0150, 0.2308), abs=5e-4)
    assert found.lift == pytest.approx(0.478, abs=1e-3)
    assert found.lift_interval == pytest.approx((-0.058, 1.32), abs=5e-3)
    assert found.chance_to_win == pytest.approx(0.9567, abs=5e-4)
    assert found.verdict == "continue"
    assert fisher_exact(34, 100, 23, 100) == pytest.approx(0.1170, abs=5e-4)


def test_the_same_counts_watched_say_less() -> None:
    found = compare(CONTROL, TREATMENT, metric="proportion", planned_n=526)

    assert found.p_value is not None
    assert found.interval is not None
    assert found.p_value > 0.5
    assert found.interval[0] < -0.08
    assert found.interval[1] > 0.30


def test_263_per_arm_see_it_with_one_look_and_about_450_when_watching() -> None:
    asked = {"baseline": 0.23, "minimum_detectable_effect": 0.11, "alpha": 0.05, "power": 0.8}

    assert sample_size(**asked) == 263
    assert 400 <= sample_size(**asked, method="sequential") <= 480
    assert detectable_effect(baseline=0.23, n_per_arm=263, alpha=0.05, power=0.8) == pytest.approx(0.11, abs=1e-3)


def test_12_of_23_against_25_of_27_by_fishers_exact_test() -> None:
    found = compare(
        Summary.of_successes(12, 23), Summary.of_successes(25, 27), metric="proportion", method="fixed"
    )  # fmt: skip

    assert found.p_value == pytest.approx(0.0026, abs=1e-4)


def test_means_by_welch_as_gbstats_publishes_them() -> None:
    control, treatment = Summary(3407, 1396.87, 52377.9767), Summary(3461, 2422.7, 134698.29)
    found = compare(control, treatment, metric="mean", method="fixed")

    assert found.difference == pytest.approx(0.29, abs=5e-3)
    assert found.interval == pytest.approx((0.04538, 0.53462), abs=5e-5)
    assert found.p_value == pytest.approx(0.02016, abs=5e-5)


def test_a_ratio_by_the_delta_method_as_posthog_publishes_it() -> None:
    control = RatioSummary(1966, 94605.79858780127, 10463129.505392816, 936, 936, 94605.79858780127)
    treatment = RatioSummary(2034, 99673.9364269569, 11298745.182728939, 947, 947, 99673.9364269569)
    found = compare_ratio(control, treatment, method="fixed")

    assert found.lift == pytest.approx(0.041333, abs=1e-5)
    # Theirs is the interval of the relative difference, ours of its logarithm; both end near here.
    assert found.lift_interval == pytest.approx((0.0138, 0.0689), abs=1e-3)


@pytest.mark.parametrize(
    ("counts", "weights", "p_value"),
    [
        ([821588, 815482], [1, 1], 1.8217928726191858e-06),  # Kohavi, Tang and Xu (2020), chapter 3
        ([5100, 4900], [1, 1], 0.04550026389635857),
        ([3400, 3300, 3300], [1, 1, 1], 0.36787944117144245),
        ([2600, 2500, 2500, 2400], [1, 1, 1, 1], 0.04601170568923136),
        ([1090, 4670, 4240], [0.1, 0.45, 0.45], 3.841540387478914e-07),
        ([100, 0], [1, 1], 1.5239706048320995e-23),
        ([1000, 1000], [1, 1], 1.0),
    ],
)
def test_a_split_is_tested_as_published(counts: list[int], weights: list[float], p_value: float) -> None:
    found = sample_ratio(counts, weights)

    assert found.p_value == pytest.approx(p_value, rel=1e-9)
    assert found.ok is (p_value >= 0.001)


def test_a_tiny_p_is_a_number_and_not_zero() -> None:
    found = compare(
        Summary.of_successes(2300, 10_000), Summary.of_successes(1200, 10_000), metric="proportion", method="fixed"
    )

    assert found.p_value == pytest.approx(3.93e-93, rel=0.01)


def test_edges_have_answers() -> None:
    nothing = compare(Summary(0, 0, 0), Summary.of_successes(1, 1), metric="proportion")
    no_control = compare(Summary.of_successes(0, 1000), Summary.of_successes(120, 1000), metric="proportion")
    alike = compare(Summary(50, 50, 50), Summary(50, 50, 50), metric="mean", method="fixed")

    assert (nothing.interval, nothing.verdict) == (None, "continue")
    assert (no_control.lift, no_control.difference) == (None, 0.12)
    assert (alike.p_value, alike.verdict) == (1.0, "continue")


def test_money_near_a_thousand_million_keeps_its_variance() -> None:
    values = [1000000001.0, 1000000002.0, 1000000003.0]

    assert Summary.of(values).variance == pytest.approx(1.0)
    assert Summary.of(values[:1]).merge(Summary.of(values[1:])).variance == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"alpha": 1.5}, "alpha must lie"),
        ({"planned_n": 1}, "planned_n"),
        ({"control": Summary(10, 5.0, 9.0)}, "zeros and ones"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object], words: str) -> None:
    asked: dict[str, object] = {"control": CONTROL, "treatment": TREATMENT, "metric": "proportion"} | wrong
    control, treatment = asked.pop("control"), asked.pop("treatment")

    with pytest.raises(ValueError, match=words):
        compare(control, treatment, **asked)  # type: ignore[arg-type]


def test_squares_that_no_values_can_have_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot sum"):
        Summary(10, 100.0, 1.0)
    assert math.isclose(Summary(2, 3.0, 5.0).variance, 0.5)
