"""What the statistics promise whatever the data: by property, and by simulation with seeds of its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.experiments.domain.statistics import (
    RatioSummary,
    SequentialSampleRatio,
    Summary,
    compare,
    compare_ratio,
)
from apps.experiments.domain.statistics.comparing import MINIMUM_EVENTS, MINIMUM_N

arms = st.integers(2, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
REPEATS, LOOKS = 300, 100


@given(arms, arms, st.integers(2, 100_000))
def test_p_is_at_most_alpha_exactly_when_the_interval_excludes_zero(
    one: tuple[int, int], two: tuple[int, int], planned: int
) -> None:
    found = compare(Summary.of_successes(*one), Summary.of_successes(*two), metric="proportion", planned_n=planned)

    assert found.interval is not None
    assert found.p_value is not None
    low, high = found.interval
    assert (found.p_value <= 0.05) == (low > 0 or high < 0) or abs(found.p_value - 0.05) < 1e-9


@given(arms, arms, st.sampled_from(["fixed", "sequential"]))
def test_swapping_the_arms_swaps_the_sign_and_the_verdict(
    one: tuple[int, int], two: tuple[int, int], method: str
) -> None:
    a, b = Summary.of_successes(*one), Summary.of_successes(*two)
    there = compare(a, b, metric="proportion", method=method)  # type: ignore[arg-type]
    back = compare(b, a, metric="proportion", method=method)  # type: ignore[arg-type]

    assert there.interval is not None
    assert back.interval is not None
    assert there.p_value == pytest.approx(back.p_value)
    assert there.interval[0] == pytest.approx(-back.interval[1], abs=1e-12)
    assert {"treatment": "control", "control": "treatment", "continue": "continue"}[there.verdict] == back.verdict


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30), st.integers(0, 30))
def test_merging_is_summarizing_together(values: list[float], cut: int) -> None:
    merged = Summary.of(values[:cut]).merge(Summary.of(values[cut:]))
    together = Summary.of(values)

    assert merged.n == together.n
    assert merged.mean == pytest.approx(together.mean, abs=1e-3)
    assert merged.variance == pytest.approx(together.variance, rel=1e-9, abs=1e-3)


def test_no_verdict_before_the_smallest_arm_and_its_events_are_there() -> None:
    few = compare(Summary.of_successes(0, 29), Summary.of_successes(29, 29), metric="proportion")
    rare = compare(Summary.of_successes(0, 500), Summary.of_successes(9, 500), metric="proportion", planned_n=1000)

    assert (few.verdict, few.insufficient) == ("continue", f"{MINIMUM_N - 29} more units needed in the smaller arm")
    assert (rare.verdict, rare.insufficient) == ("continue", "1 more events needed over both arms")
    assert MINIMUM_EVENTS == 5


def ever_decided(rates: tuple[float, float], per_arm: int, planned: int, seed: int, repeats: int = REPEATS) -> float:
    """Return the share of experiments that some one of LOOKS equally spaced looks decides."""
    generator = np.random.default_rng(seed)
    step = per_arm // LOOKS
    arms = [generator.binomial(step, rate, (repeats, LOOKS)).cumsum(axis=1) for rate in rates]
    units = step * np.arange(1, LOOKS + 1)
    decided = 0
    for control, treatment in zip(*arms, strict=True):
        # Only looks whose z could decide are asked: no boundary of a sequence lies below that of one look.
        rates_seen = (control + treatment) / (2 * units)
        error = np.sqrt(np.maximum(rates_seen * (1 - rates_seen), 1e-12) * 2 / units)
        worth = np.flatnonzero(np.abs(treatment - control) / units > 2.3 * error)
        decided += any(
            compare(
                Summary.of_successes(int(control[look]), int(units[look])),
                Summary.of_successes(int(treatment[look]), int(units[look])),
                metric="proportion", planned_n=planned,
            ).verdict
            != "continue"
            for look in worth[::-1]
        )  # fmt: skip
    return decided / repeats


# Three standard errors of a share of 5 % over REPEATS experiments.
ALLOWED = 0.05 + 3 * (0.05 * 0.95 / REPEATS) ** 0.5


@pytest.mark.parametrize(("rate", "per_arm"), [(0.2, 10_000), (0.02, 10_000)])
def test_a_hundred_looks_at_two_equal_arms_seldom_name_a_winner(rate: float, per_arm: int) -> None:
    assert ever_decided((rate, rate), per_arm, 2 * per_arm, seed=7) <= ALLOWED


def test_a_real_difference_is_found_by_the_planned_size() -> None:
    assert ever_decided((0.20, 0.22), 10_000, 20_000, seed=11, repeats=100) >= 0.70
    assert ever_decided((0.20, 0.24), 10_000, 20_000, seed=13, repeats=100) >= 0.99


def test_clustered_units_keep_their_alpha_by_the_delta_method() -> None:
    # Users of 10 conversations each, whose own rates vary: an intra-class correlation of .2.
    generator = np.random.default_rng(5)
    wrong = naive = 0
    for _ in range(REPEATS):
        summaries, counts = [], []
        for _ in range(2):
            m = generator.binomial(10, generator.beta(0.8, 3.2, 300))
            d = np.full(300, 10)
            summaries.append(
                RatioSummary(300, int(m.sum()), int((m**2).sum()), int(d.sum()), int((d**2).sum()), int((m * d).sum()))
            )
            counts.append(Summary.of_successes(int(m.sum()), 3000))
        wrong += compare_ratio(*summaries, method="fixed").verdict != "continue"
        naive += compare(*counts, metric="proportion", method="fixed").verdict != "continue"

    assert wrong / REPEATS <= ALLOWED
    assert naive / REPEATS > 0.15


def test_the_live_split_check_is_quiet_on_a_fair_split_and_sees_a_lost_tenth() -> None:
    generator = np.random.default_rng(3)
    check = SequentialSampleRatio((1.0, 1.0))
    alarms = 0
    for _ in range(200):
        units = generator.binomial(100, 0.5, 50).cumsum()
        alarms += any(not check.look([int(n), 100 * (look + 1) - int(n)]).ok for look, n in enumerate(units))
    lost = check.look([5000, 4500])

    assert alarms / 200 <= 0.01
    assert not lost.ok
