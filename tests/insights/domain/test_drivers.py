from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.tally import Tally, tally
from apps.insights.domain.drivers import Split, compare, find_drivers, splits_of

DAY = date(2026, 11, 2)


def offers(n: int, confirmed: int, **said: object) -> list[Fact]:
    return [
        Fact(day=DAY, messages=4, upsell="confirmed" if place < confirmed else "declined", **said)  # type: ignore[arg-type]
        for place in range(n)
    ]


def test_a_factor_that_goes_with_upsells_is_found_with_its_interval_and_a_test() -> None:
    total = tally([*offers(200, 80, factors=("personalized_benefits",)), *offers(200, 40)])

    (signal,) = find_drivers(total, {})

    assert signal.title == "Factor personalized_benefits goes with more confirmed upsells"
    assert signal.figures.value == pytest.approx(0.2)
    # Newcombe's method 10 for 80/200 against 40/200.
    assert signal.figures.interval == pytest.approx((0.110, 0.286), abs=1e-3)
    assert signal.figures.detail["with"] == {"n": 200, "rate": 0.4}
    assert signal.figures.detail["testable"] is True
    assert signal.figures.detail["test_days"] == 1
    assert "not adjusted" in signal.figures.detail["association"]


def test_two_versions_are_one_comparison_and_the_better_one_tells_it() -> None:
    old, new = tally(offers(200, 40)), tally(offers(200, 80))

    (signal,) = find_drivers(tally([*offers(200, 40), *offers(200, 80)]), {"prompt_version": {"3": old, "4": new}})

    assert signal.key == "upsell_rate:prompt_version:4"
    assert signal.rows == {"upsell": "confirmed", "prompt_version": "4"}


def test_an_agent_is_listed_but_cannot_be_tested() -> None:
    facts = [*offers(100, 10, agent="a", escalation_done=True), *offers(100, 12, agent="b")]

    signals = {signal.key: signal for signal in find_drivers(tally(facts), {})}

    worst = signals["escalation_rate:agent:b"]
    assert (worst.severity, worst.figures.detail["testable"], worst.figures.detail["test_days"]) == ("low", False, None)
    assert worst.figures.value == -1.0


def test_a_level_without_a_name_is_never_named() -> None:
    levels = {"model": {"": tally(offers(100, 90)), "m": tally(offers(100, 10))}}

    assert {split.level for split in splits_of(Tally(), levels)} == {"m"}


def test_under_thirty_on_a_side_nothing_is_compared() -> None:
    assert compare([Split("upsell_rate", "factor", "x", 29, 29, 0, 500)]) == []


def test_benjamini_and_hochberg_decide_over_all_comparisons() -> None:
    # p = .0002 and .04 alone; of ten, the second becomes .2 and does not stand.
    strong = Split("upsell_rate", "factor", "strong", 50, 100, 25, 100)
    weak = Split("upsell_rate", "factor", "weak", 40, 100, 27, 100)
    nothing = [Split("upsell_rate", "factor", f"nothing {i}", 30, 100, 30, 100) for i in range(8)]

    alone = {driver.split.level: driver.stands for driver in compare([weak])}
    together = {driver.split.level: driver for driver in compare([strong, weak, *nothing])}

    assert alone == {"weak": False}
    assert [name for name, driver in together.items() if driver.stands] == ["strong"]
    assert together["strong"].q_value == pytest.approx(10 * together["strong"].p_value)


def test_among_many_levels_that_do_nothing_few_looks_find_anything() -> None:
    random = np.random.default_rng(11)
    looks = 200
    found = 0
    for _ in range(looks):
        k = random.binomial(100, 0.3, size=(20, 2))
        splits = [
            Split("upsell_rate", "factor", f"{i}", int(a), 100, int(b), 100) for i, (a, b) in enumerate(k.tolist())
        ]  # fmt: skip
        found += any(driver.stands for driver in compare(splits))

    # One look in twenty is allowed: 10 of 200; 20 has a chance of .002.
    assert found < 20


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8))
def test_a_difference_lies_in_its_interval_and_adjusting_never_lowers_a_p_value(pairs: list[tuple[int, int]]) -> None:
    splits = [Split("upsell_rate", "factor", f"{i}", a, 60, b, 60) for i, (a, b) in enumerate(pairs)]

    for driver in compare(splits):
        assert driver.interval[0] <= driver.difference <= driver.interval[1]
        assert driver.p_value <= driver.q_value <= 1
