from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.tally import tally
from apps.insights.domain.anomalies import Day, find_anomalies, find_outliers

MONDAY = date(2026, 9, 7)


def counts(*values: int) -> list[Day]:
    return [Day(MONDAY + timedelta(days=place), value) for place, value in enumerate(values)]


def test_a_day_far_above_the_weeks_before_is_found_with_what_was_expected() -> None:
    (found,) = find_outliers(counts(*[100] * 28, 160))

    # The root of 100 is 10: six of them.
    assert (found.day.k, found.expected, found.distance) == (160, 100.0, 6.0)


def test_a_day_a_little_above_is_not() -> None:
    assert find_outliers(counts(*[100] * 28, 149)) == []


def test_each_weekday_is_compared_with_its_own_kind() -> None:
    weeks = [100, 100, 100, 100, 100, 20, 20] * 4

    assert find_outliers(counts(*weeks, 100, 100, 100, 100, 100, 20, 20)) == []
    assert [found.day.k for found in find_outliers(counts(*weeks, 20))] == [20]


def test_three_weeks_are_needed() -> None:
    assert find_outliers(counts(*[100] * 20, 500)) == []
    assert len(find_outliers(counts(*[100] * 21, 500))) == 1


def test_three_attacks_where_none_were_are_no_anomaly() -> None:
    assert find_outliers(counts(*[0] * 28, 5)) == []
    assert len(find_outliers(counts(*[0] * 28, 6))) == 1


def test_a_day_with_few_conversations_has_no_rate() -> None:
    usual = [Day(MONDAY + timedelta(days=place), 20, 100) for place in range(28)]
    following = MONDAY + timedelta(days=28)

    assert find_outliers([*usual, Day(following, 29, 29)]) == []
    assert len(find_outliers([*usual, Day(following, 30, 30)])) == 1


def test_a_day_of_attacks_becomes_a_signal_with_the_rows_of_that_day() -> None:
    attacked = Fact(day=MONDAY, messages=2, attack_types=("jailbreak",), attacks_unclear=1)
    calm = Fact(day=MONDAY, messages=2)
    days = {MONDAY + timedelta(days=place): tally([calm] * 50) for place in range(28)}
    last = MONDAY + timedelta(days=28)
    days[last] = tally([calm] * 40 + [attacked] * 10)

    (signal,) = find_anomalies(days, since=last, until=last + timedelta(days=1))

    assert signal.key == "attacks"
    assert signal.title == f"Attacked conversations on {last}: 10, where about 0 was expected"
    assert signal.rows == {"attacked": "true", "since": str(last), "until": str(last)}


def test_days_before_the_period_are_left_to_the_period_they_were_in() -> None:
    days = {MONDAY + timedelta(days=place): tally([Fact(day=MONDAY, messages=2)] * 50) for place in range(21)}
    days[MONDAY + timedelta(days=21)] = tally([Fact(day=MONDAY, messages=2)] * 500)

    assert find_anomalies(days, since=MONDAY + timedelta(days=22), until=MONDAY + timedelta(days=28)) == []


def test_ordinary_traffic_with_uneven_days_is_rarely_far_out() -> None:
    random = np.random.default_rng(5)
    found = 0
    for _ in range(40):
        levels = 200 * np.tile(random.uniform(0.5, 1.5, 7), 17)[: 28 + 90] * random.lognormal(0, 0.1, 28 + 90)
        found += len(find_outliers(counts(*random.poisson(levels).tolist())))

    # 40 × 90 days: one in 300 at most.
    assert found <= 12


@given(st.integers(0, 1000), st.integers(22, 60))
def test_days_that_are_all_alike_have_no_outlier(level: int, days: int) -> None:
    assert find_outliers(counts(*[level] * days)) == []
