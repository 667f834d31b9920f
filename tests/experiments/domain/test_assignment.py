"""Assignment: deterministic, independent of the ramp, and never taken back by it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.experiments.domain.assignment import Arm, Split, assign, bucket, pick, ramp, shares
from apps.experiments.domain.statistics import sample_ratio

TWO = Split("p_1", "pepper", (Arm("control", 1, 1), Arm("treatment", 1, 2)))
UNITS = [f"user-{number}" for number in range(20_000)]


def test_a_bucket_is_the_first_64_bits_of_sha256() -> None:
    # printf "a:b" | sha256sum begins 6783a31eabf68ccc.
    assert bucket("a", "b") == pytest.approx(0x6783A31EABF68CCC / 2**64, abs=1e-12)


def test_a_unit_gets_the_same_arm_every_time() -> None:
    assert assign(TWO, "user-7") == assign(TWO, "user-7")


def test_arms_are_filled_by_weight() -> None:
    split = Split("p_1", "salt", (Arm("a", 2, 1), Arm("b", 1, 2), Arm("c", 1, 3)))
    counts = [0, 0, 0]
    for unit in UNITS:
        assigned = assign(split, unit)
        assert assigned is not None
        counts[assigned.index] += 1
    assert sample_ratio(counts, [2, 1, 1]).ok


def test_a_growing_ramp_only_adds_units_and_moves_none() -> None:
    enrolled: dict[str, str] = {}
    for percent in (5, 10, 25, 50):
        share, among = ramp(percent)
        step = replace(TWO, share=share, arms_share=among)
        now = {unit: found.arm.key for unit in UNITS if (found := assign(step, unit))}
        assert enrolled.items() <= now.items()
        assert len(now) == pytest.approx(share * len(UNITS), rel=0.05)
        enrolled = now


def test_beyond_one_half_no_treated_unit_goes_back() -> None:
    treated: set[str] = set()
    for percent in (25, 50, 75, 100):
        share, among = ramp(percent)
        step = replace(TWO, share=share, arms_share=among)
        now = {unit for unit in UNITS if (found := assign(step, unit)) and found.index == 1}
        assert treated <= now
        assert len(now) == pytest.approx(percent / 100 * len(UNITS), rel=0.05)
        treated = now
    assert treated == set(UNITS)


def test_the_ramp_says_nothing_about_the_arm() -> None:
    share, among = ramp(10)
    step = replace(TWO, share=share, arms_share=among)
    arms = [found.index for unit in UNITS if (found := assign(step, unit))]
    assert sample_ratio([arms.count(0), arms.count(1)], [1, 1]).ok


def test_two_experiments_of_one_layer_never_share_a_unit() -> None:
    first = replace(TWO, layer="offers", slice=(0.0, 0.5))
    second = replace(TWO, phase="p_2", salt="other", layer="offers", slice=(0.5, 1.0))
    both = [unit for unit in UNITS if assign(first, unit) and assign(second, unit)]
    either = [unit for unit in UNITS if assign(first, unit) or assign(second, unit)]
    assert (both, len(either)) == ([], len(UNITS))


def test_a_new_phase_deals_anew() -> None:
    again = replace(TWO, phase="p_2", salt="salt")
    same = sum(assign(TWO, unit).index == assign(again, unit).index for unit in UNITS)  # type: ignore[union-attr]
    assert same == pytest.approx(len(UNITS) / 2, rel=0.05)


def test_an_assignment_id_names_phase_and_arm_but_not_the_unit() -> None:
    assigned = assign(TWO, "ada@example.com")
    assert assigned is not None
    phase, index, digest = assigned.assignment_id.split(".")
    assert (phase, index, len(digest)) == ("p_1", str(assigned.index), 24)


@pytest.mark.parametrize("percent", [0, -1, 100.5])
def test_a_step_outside_0_to_100_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="at most 100"):
        ramp(percent)


@given(st.text(max_size=40), st.lists(st.floats(0.01, 100), min_size=2, max_size=8))
def test_every_unit_falls_into_one_arm(unit: str, weights: list[float]) -> None:
    arms = tuple(Arm(str(index), weight, index) for index, weight in enumerate(weights))
    found = assign(Split("p_1", "salt", arms), unit)
    assert found is not None
    assert 0 <= found.index < len(weights)


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=8))
def test_shares_sum_to_one_and_every_value_is_picked(weights: list[float]) -> None:
    split = Split("p_1", "salt", tuple(Arm(str(index), weight, index) for index, weight in enumerate(weights)))
    found = shares(split)
    assert sum(found) == pytest.approx(1)
    assert (pick(0.0, found), pick(1 - 1e-12, found)) == (0, len(weights) - 1)
