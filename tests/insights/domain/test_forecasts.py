"""Forecasts whose truth is simulated: their intervals hold what they promise, and what they say of it is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.insights.domain.days import DailyMean
from apps.insights.domain.forecasts import AHEAD, forecast

START = date(2026, 1, 5)


@dataclass(frozen=True)
class World:
    """A score's standard deviation is 1.6; ``between`` is that of days, ``memory`` what a day has of the one before."""

    n: int = 200
    weekdays: float = 0.15
    between: float = 0.05
    memory: float = 0.0
    wander: float = 0.0
    heavy: bool = False


WORLDS = {
    "days vary by chance and weekday": World(),
    "few conversations": World(n=40),
    "each day with 0.3 of the day before": World(memory=0.3, between=0.1),
    "bad days far worse than normal ones": World(between=0.1, heavy=True),
    "a level that wanders": World(wander=0.03),
}


def simulate(world: World, random: np.random.Generator, days: int) -> list[DailyMean]:
    weekdays = random.normal(0, world.weekdays, 7)
    shock, level, found = 0.0, 7.0, []
    for place in range(days):
        drawn = random.standard_t(4) / np.sqrt(2) if world.heavy else random.normal()
        shock = world.memory * shock + np.sqrt(1 - world.memory**2) * world.between * drawn
        level += random.normal(0, world.wander)
        day = START + timedelta(days=place)
        mean = level + weekdays[day.weekday()] - weekdays.mean() + shock + random.normal(0, 1.6 / np.sqrt(world.n))
        found.append(DailyMean(day, world.n, float(mean), 2.56))
    return found


def flat(days: int, value: float = 7.0, n: int = 100) -> list[DailyMean]:
    return [DailyMean(START + timedelta(days=place), n, value, 1.0) for place in range(days)]


@pytest.mark.parametrize(("days", "at_least"), [(56, 0.90), (120, 0.92)])
@pytest.mark.parametrize("name", WORLDS)
def test_ninety_five_of_a_hundred_days_to_come_lie_in_their_interval(name: str, days: int, at_least: float) -> None:
    inside = total = held = tried = 0
    for seed in range(60):
        drawn = simulate(WORLDS[name], np.random.default_rng([7, seed]), days + AHEAD)
        found = forecast(drawn[:days], until=drawn[days - 1].day, least=0, most=10)
        inside += sum(said.low <= came.mean <= said.high for said, came in zip(found.ahead, drawn[days:], strict=True))
        total, held, tried = total + AHEAD, held + found.covered, tried + found.tried

    assert at_least <= inside / total <= 0.985
    # What it says of its own intervals is what they are worth.
    assert held / tried == pytest.approx(inside / total, abs=0.04)


def test_a_change_of_level_is_followed_within_two_weeks() -> None:
    days = flat(60, 6.0) + [
        DailyMean(START + timedelta(days=60 + place), 100, 7.0, 1.0) for place in range(14)
    ]  # fmt: skip

    found = forecast(days, until=days[-1].day, least=0, most=10)

    assert found.ahead[0].value == pytest.approx(6.75, abs=0.02)


def test_weekdays_are_put_back_and_large_days_count_more() -> None:
    days = [
        DailyMean(each.day, 300 if each.day.weekday() < 5 else 100, 7.0 if each.day.weekday() < 5 else 6.0, 1.0)
        for each in flat(70)
    ]

    found = forecast(days, until=days[-1].day, least=0, most=10)

    assert [each.day for each in found.ahead] == [START + timedelta(days=70 + place) for place in range(14)]
    assert [round(each.value, 6) for each in found.ahead] == [7.0] * 5 + [6.0] * 2 + [7.0] * 5 + [6.0] * 2


def test_below_eight_weeks_it_is_refused_and_says_how_many_days_are_missing() -> None:
    asked = {
        days: forecast(flat(days), until=START + timedelta(days=max(0, days - 1)), least=0, most=10)
        for days in (0, 1, 55, 56)
    }

    assert {days: (found.days, found.missing, len(found.ahead)) for days, found in asked.items()} == {
        0: (0, 56, 0), 1: (1, 55, 0), 55: (55, 1, 0), 56: (56, 0, 14),
    }  # fmt: skip


def test_days_with_a_handful_of_values_are_no_history() -> None:
    sparse = flat(30, n=100) + [
        DailyMean(START + timedelta(days=30 + place), 4, 1.0, 1.0) for place in range(30)
    ]  # fmt: skip

    found = forecast(sparse, until=sparse[-1].day, least=0, most=10)

    assert (found.ahead, found.days, found.missing) == ((), 60, 30)


def test_after_two_weeks_of_silence_there_is_none_and_after_one_it_counts_from_today() -> None:
    days = flat(80)
    silent = {gap: forecast(days, until=days[-1].day + timedelta(days=gap), least=0, most=10) for gap in (7, 15)}

    assert silent[7].ahead[0].day == days[-1].day + timedelta(days=8)
    assert (silent[15].ahead, silent[15].missing) == ((), 15)


def test_a_weekday_that_never_came_has_no_forecast() -> None:
    weekdays = [each for each in flat(80) if each.day.weekday() < 5]

    assert forecast(weekdays, until=weekdays[-1].day, least=0, most=10).ahead == ()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1)), min_size=0, max_size=90),
)
def test_whatever_the_days_intervals_are_ordered_and_stay_on_the_scale(drawn: Sequence[tuple[int, float]]) -> None:
    days = [DailyMean(START + timedelta(days=place), n, mean, 0.2) for place, (n, mean) in enumerate(drawn)]

    found = forecast(days, until=START + timedelta(days=len(drawn)), least=0, most=1)

    assert all(0 <= each.low <= each.value <= each.high <= 1 for each in found.ahead)
    assert bool(found.ahead) == (found.missing == 0)
    assert 0 <= found.covered <= found.tried
