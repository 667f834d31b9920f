"""Paired statistics held to published answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from apps.improvements.domain.paired import Pairs, detectable, mcnemar, paired_interval, power

counts = st.integers(0, 400)


def test_a_published_example_of_the_paired_interval() -> None:
    # Newcombe (1998), Statistics in Medicine 17, 2635-2650: 36, 12, 2, 0 by method 10.
    assert paired_interval(Pairs(both=36, better=12, worse=2, neither=0)) == pytest.approx((0.0569, 0.3404), abs=5e-5)


def test_a_hand_computed_exact_test() -> None:
    # 7 against 1: twice (1 + 8) of 256.
    assert mcnemar(7, 1) == pytest.approx(18 / 256)
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(("better", "worse"), [(12, 2), (150, 86), (600, 700), (0, 6), (5, 5)])
def test_the_exact_test_is_the_binomial_one(better: int, worse: int) -> None:
    assert mcnemar(better, worse) == pytest.approx(binomtest(better, better + worse).pvalue, rel=1e-9)


def test_three_hundred_pairs_find_a_loss_of_seven_points() -> None:
    assert power(300, better=0.02, worse=0.09) == pytest.approx(0.96, abs=0.005)


def test_power_is_alpha_at_most_where_nothing_differs_and_grows_with_the_pairs() -> None:
    assert power(200, better=0.05, worse=0.05) <= 0.05
    assert power(60, better=0.1, worse=0.02) < power(200, better=0.1, worse=0.02)
    assert power(0, better=0.1, worse=0.02) == 0.0


def test_six_pairs_turning_one_way_are_the_fewest_that_can_be_significant() -> None:
    assert mcnemar(6, 0) <= 0.05 < mcnemar(5, 0)
    assert detectable(5) is None


@given(counts, counts, counts, counts)
def test_the_interval_holds_the_difference_and_turns_over_with_the_sides(b: int, up: int, down: int, n: int) -> None:
    there, back = Pairs(b, up, down, n), Pairs(b, down, up, n)
    interval, mirrored = paired_interval(there), paired_interval(back)

    assert (interval is None) == (there.n == 0)
    if interval is not None and mirrored is not None and there.difference is not None:
        assert -1 <= interval[0] <= there.difference + 1e-12
        assert there.difference - 1e-12 <= interval[1] <= 1
        assert interval == pytest.approx((-mirrored[1], -mirrored[0]))
