"""What the statistics promise whatever the data, by property. What they promise on average: test_simulations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.experiments.domain.statistics import Summary, compare
from apps.experiments.domain.statistics.comparing import MINIMUM_EVENTS, MINIMUM_N

arms = st.integers(2, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


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
