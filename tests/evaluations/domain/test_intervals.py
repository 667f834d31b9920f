from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from apps.evaluations.domain.intervals import (
    beta_cdf,
    beta_quantile,
    difference_of_means,
    mean_interval,
    newcombe,
    poisson,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(23, 100, 0.158433, 0.321544), (12, 23, 0.329627, 0.707628), (20, 20, 0.8389, 1.0), (0, 20, 0.0, 0.1611)],
)
def test_wilson_gives_the_published_intervals(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_newcombe_gives_the_published_interval_of_23_and_34_of_100() -> None:
    assert newcombe(34, 100, 23, 100) == (pytest.approx(-0.015183, abs=1e-6), pytest.approx(0.230723, abs=1e-6))


def test_no_trials_have_no_interval() -> None:
    assert wilson(0, 0) is None
    assert newcombe(1, 2, 0, 0) is None
    assert mean_interval(1.0, 1.0, 4) is None


@pytest.mark.parametrize("n", [5, 8, 20, 100])
def test_the_interval_of_a_mean_is_students(n: int) -> None:
    low, high = mean_interval(10.0, 4.0, n) or (0, 0)
    half = stats.t.ppf(0.975, n - 1) * math.sqrt(4.0 / n)

    assert high - low == pytest.approx(2 * half, rel=0.01)
    assert (low + high) / 2 == pytest.approx(10.0)


def test_the_difference_of_means_is_welchs() -> None:
    e1, e0 = 1.5**2 / 40, 2.0**2 / 25
    half = stats.t.ppf(0.975, (e1 + e0) ** 2 / (e1**2 / 39 + e0**2 / 24)) * math.sqrt(e1 + e0)

    found = difference_of_means(7.8, 1.5**2, 40, 7.5, 2.0**2, 25)

    assert found == (pytest.approx(0.3 - half, abs=1e-4), pytest.approx(0.3 + half, abs=1e-4))


@pytest.mark.parametrize("events", [0, 1, 4, 23, 400])
def test_the_interval_of_a_count_is_near_the_exact_one(events: int) -> None:
    low, high = poisson(events)
    exact_low = stats.chi2.ppf(0.025, 2 * events) / 2 if events else 0.0

    assert low == pytest.approx(exact_low, abs=0.02)
    assert high == pytest.approx(stats.chi2.ppf(0.975, 2 * events + 2) / 2, rel=0.01)


@given(a=st.floats(0.2, 3000), b=st.floats(0.2, 3000), p=st.floats(0.01, 0.99))
def test_the_beta_quantile_agrees_with_scipy(a: float, b: float, p: float) -> None:
    assert beta_quantile(p, a, b) == pytest.approx(stats.beta.ppf(p, a, b), abs=1e-7)


@given(x=st.floats(0.001, 0.999), a=st.floats(0.2, 500), b=st.floats(0.2, 500))
def test_the_beta_distribution_is_symmetric(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(1 - beta_cdf(1 - x, b, a), abs=1e-9)


@given(k=st.integers(0, 300), extra=st.integers(0, 300))
def test_wilson_contains_the_observed_rate_and_stays_between_zero_and_one(k: int, extra: int) -> None:
    n = k + extra or 1
    low, high = wilson(min(k, n), n) or (9, 9)

    assert 0 <= low <= min(k, n) / n <= high <= 1
