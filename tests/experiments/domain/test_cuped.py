"""CUPED: less noise by the square of the correlation, no bias, the same error, on simulated users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from apps.experiments.domain.statistics import RatioSummary, compare_ratio
from apps.experiments.domain.statistics.cuped import Adjusted, Earlier, compare_adjusted

UNITS, REPEATS = 400, 300


@dataclass(frozen=True)
class Arm:
    """An arm of users: now m of d, before p of q."""

    now: RatioSummary
    before: Earlier


def arm(m: np.ndarray, d: np.ndarray, p: np.ndarray, q: np.ndarray) -> Arm:
    pairs = [(m, m), (d, d), (m, d), (p, p), (q, q), (p, q), (m, p), (m, q), (d, p), (d, q)]
    mm, dd, md, pp, qq, pq, mp, mq, dp, dq = (float((one * other).sum()) for one, other in pairs)
    return Arm(
        RatioSummary(len(m), float(m.sum()), mm, float(d.sum()), dd, md),
        Earlier(int((q > 0).sum()), float(p.sum()), pp, float(q.sum()), qq, pq, mp, mq, dp, dq),
    )


def users(generator: np.random.Generator, n: int = UNITS, *, gain: float = 0.0, known: float = 1.0) -> Arm:
    """Return users with habits of their own: what they did before says something of what they do now."""
    habit = generator.beta(1, 3, n)
    d, q = 1 + generator.poisson(4, n), (1 + generator.poisson(9, n)) * (generator.random(n) < known)
    return arm(generator.binomial(d, np.clip(habit + gain, 0, 1)), d, generator.binomial(q, habit), q)


def adjusted(control: Arm, treatment: Arm, *, alpha: float = 0.05) -> Adjusted:
    found = compare_adjusted(
        control.now, treatment.now, earlier=(control.before, treatment.before), alpha=alpha, planned_n=2 * UNITS
    )
    assert found is not None
    return found


def test_the_variance_falls_by_the_square_of_the_correlation() -> None:
    generator = np.random.default_rng(1)
    habit = generator.normal(0, 1, 20_000)
    ones = np.ones(10_000)
    # One conversation each, now and before: correlation .8 by construction.
    values = [5 + np.stack([habit, 0.8 * habit + 0.6 * generator.normal(0, 1, 20_000)])[:, half]
              for half in (slice(None, 10_000), slice(10_000, None))]  # fmt: skip

    found = adjusted(*(arm(now, ones, before, ones) for before, now in values))

    assert found.variance_reduction == pytest.approx(0.64, abs=0.02)
    assert found.theta == pytest.approx(0.8, abs=0.02)


def test_it_is_unbiased_tighter_and_seldom_wrong() -> None:
    generator = np.random.default_rng(2)
    differences, narrower, wrong, bare_wrong = [], 0, 0, 0
    for _ in range(REPEATS):
        control, treatment = users(generator), users(generator)
        found = adjusted(control, treatment)
        bare = compare_ratio(control.now, treatment.now, planned_n=2 * UNITS)
        assert bare.interval is not None
        differences.append(found.difference)
        narrower += found.interval[1] - found.interval[0] < bare.interval[1] - bare.interval[0]
        wrong += found.p_value <= 0.05
        bare_wrong += bare.verdict != "continue"
    error = np.std(differences) / REPEATS**0.5

    assert abs(np.mean(differences)) < 3 * error
    assert narrower == REPEATS
    assert wrong / REPEATS <= 0.05 + 3 * (0.05 * 0.95 / REPEATS) ** 0.5
    assert bare_wrong / REPEATS <= 0.05


def test_a_real_gain_keeps_its_size() -> None:
    generator = np.random.default_rng(3)
    found = [adjusted(users(generator), users(generator, gain=0.05)) for _ in range(REPEATS)]
    mean, error = np.mean([each.difference for each in found]), np.std([each.difference for each in found])

    assert abs(mean - 0.05) < 3 * error / REPEATS**0.5 + 0.002
    assert np.mean([each.interval[0] <= 0.05 <= each.interval[1] for each in found]) >= 0.95


def test_units_without_an_earlier_period_are_left_as_they_are() -> None:
    generator = np.random.default_rng(4)
    half, all_ = ([adjusted(users(generator, known=share), users(generator, known=share)) for _ in range(50)]
                  for share in (0.5, 1.0))  # fmt: skip

    assert np.mean([each.known for each in half]) == pytest.approx(0.5, abs=0.03)
    assert 0 < np.mean([each.variance_reduction for each in half]) < np.mean([each.variance_reduction for each in all_])


def test_twenty_looks_at_equal_arms_seldom_exclude_zero() -> None:
    generator = np.random.default_rng(5)
    wrong = 0
    for _ in range(100):
        rows = [
            (lambda d, q, habit: (generator.binomial(d, habit), d, generator.binomial(q, habit), q))(
                1 + generator.poisson(4, UNITS), 1 + generator.poisson(9, UNITS), generator.beta(1, 3, UNITS)
            )
            for _ in range(2)
        ]
        looks = (
            adjusted(*(arm(*(column[:seen] for column in each)) for each in rows))
            for seen in range(UNITS // 10, UNITS + 1, UNITS // 20)
        )
        wrong += any(look.p_value <= 0.05 for look in looks)

    assert wrong / 100 <= 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5


def test_without_enough_of_before_there_is_nothing_to_take_out() -> None:
    generator = np.random.default_rng(6)
    few = users(generator, known=0.05)
    nobody = Earlier(0, *[0.0] * 9)
    same = arm(np.ones(50), np.ones(50), np.ones(50), np.ones(50))

    assert compare_adjusted(few.now, few.now, earlier=(few.before, few.before)) is None
    assert compare_adjusted(few.now, few.now, earlier=(nobody, nobody)) is None
    assert compare_adjusted(same.now, same.now, earlier=(same.before, same.before)) is None
