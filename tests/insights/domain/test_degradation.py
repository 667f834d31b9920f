from __future__ import annotations

import math
from datetime import date, timedelta
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.evaluations.domain.moments import Gathering, Moments
from apps.evaluations.domain.tally import SCORE
from apps.insights.domain.carriers import split_change
from apps.insights.domain.days import DailyMean
from apps.insights.domain.degradation import calibrate, watch
from scripts.simulate_degradation import START, WORLDS, delays, false_alarms, simulate


def flat(days: int, *, level: float = 7.0, n: int = 200) -> list[DailyMean]:
    """Return days that wobble by 0.1 in a rhythm that no weekday shares."""
    return [
        DailyMean(START + timedelta(days=place), n, level + (0.1, -0.1, 0.05, -0.05, 0.0)[place % 5], 2.56)
        for place in range(days)
    ]


def day_of(place: int) -> date:
    return START + timedelta(days=place)


def test_below_fifty_six_days_the_chart_is_warming_up() -> None:
    found = watch(flat(56), direction="increase", seed=1)

    assert (found.status, found.days) == ("warming up", 56)


def test_two_months_with_few_days_in_them_are_no_history() -> None:
    assert watch(flat(100)[::3], direction="increase", seed=1).status == "warming up"


def test_days_with_fewer_than_five_values_do_not_count() -> None:
    assert watch(flat(100, n=4), direction="increase", seed=1).days == 0


def test_a_calm_application_is_steady() -> None:
    found = watch(flat(120), direction="increase", seed=1)

    assert (found.status, found.watched_since) == ("steady", day_of(56))


def test_a_drop_is_found_with_the_day_it_began_and_its_size() -> None:
    days = [*flat(70), *[DailyMean(day_of(70 + place), 200, 6.5, 2.56) for place in range(10)]]

    found = watch(days, direction="increase", seed=1)

    assert found.status == "degraded"
    assert found.began is not None
    assert found.alarmed_on is not None
    assert day_of(68) <= found.began <= day_of(70)
    assert day_of(70) <= found.alarmed_on <= day_of(73)
    assert found.change == pytest.approx(-0.5, abs=0.1)


def test_a_rise_of_what_should_fall_is_a_degradation_and_a_fall_is_not() -> None:
    worse = [*flat(70), *[DailyMean(day_of(70 + place), 200, 7.6, 2.56) for place in range(10)]]
    better = [*flat(70), *[DailyMean(day_of(70 + place), 200, 6.4, 2.56) for place in range(10)]]

    assert watch(worse, direction="decrease", seed=1).change == pytest.approx(0.6, abs=0.15)
    assert watch(better, direction="decrease", seed=1).status == "steady"


def test_one_terrible_day_alarms_on_that_day() -> None:
    found = watch([*flat(60), DailyMean(day_of(60), 200, 4.0, 2.56)], direction="increase", seed=1)

    assert (found.alarmed_on, found.began) == (day_of(60), day_of(60))


def test_after_ninety_days_the_next_chart_learns_from_what_was() -> None:
    assert watch(flat(56 + 90), direction="increase", seed=1).watched_since == day_of(56)
    assert watch(flat(56 + 91), direction="increase", seed=1).watched_since == day_of(146)


def test_the_same_days_and_seed_give_the_same_limits() -> None:
    history = simulate(WORLDS[0], np.random.default_rng(3), 56)

    assert calibrate(history, seed=5) == calibrate(history, seed=5)


def test_values_that_never_vary_never_alarm() -> None:
    days = [DailyMean(day_of(place), 100, 5.0, 0.0) for place in range(80)]

    assert watch(days, direction="increase", seed=1).status == "steady"


def test_few_false_alarms_and_drops_found_in_time() -> None:
    """A small version of docs/degradation.md: 200 charts that see nothing, 100 that see a drop."""
    wrong = false_alarms(WORLDS[0], 200, seed=2)
    waited = [math.inf if delay is None else delay for delay in delays(WORLDS[0], 100, seed=2)]

    # At a true rate of 10 %, 31 or more of 200 would have a chance of .01.
    assert wrong <= 20
    assert sum(delay <= 30 for delay in waited) >= 0.95 * len(waited)
    assert sorted(waited)[len(waited) // 2] <= 8


def moments(*values: float) -> Moments:
    gathered = Gathering(SCORE)
    for value in values:
        gathered.add(value)
    return gathered.done()


def test_the_version_that_brought_the_drop_is_named() -> None:
    before = {"1": moments(*[8.0] * 100)}
    since = {"1": moments(*[8.0] * 50), "2": moments(*[6.0] * 50)}

    worst, other = split_change("prompt_version", before, since, unit=SCORE)

    assert (worst.level, worst.part, worst.share) == ("2", -1.0, 1.0)
    assert (other.level, other.part) == ("1", 0.0)


LEVELS = st.dictionaries(st.sampled_from("abcd"), st.lists(st.floats(0, 10), min_size=1, max_size=5), min_size=1)


@settings(max_examples=50)
@given(LEVELS, LEVELS)
def test_the_parts_add_up_to_the_whole_change(before: dict[str, list[float]], since: dict[str, list[float]]) -> None:
    old = {level: moments(*values) for level, values in before.items()}
    new = {level: moments(*values) for level, values in since.items()}
    mean_old, mean_new = (moments(*chain(*side.values())).mean(SCORE) or 0 for side in (before, since))

    parts = split_change("agent", old, new, unit=SCORE)

    assert sum(part.part for part in parts) == pytest.approx(mean_new - mean_old, abs=1e-9)
