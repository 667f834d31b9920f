"""What the statistics promise, lived through many times: A/A, coverage, power, clusters, splits.

A few seconds each. ``FLYWHEEL_REPEATS=5000 make test PYTEST_ARGS="-k test_simulations"`` takes minutes and allows less.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from apps.experiments.domain.statistics import (
    Comparison,
    RatioSummary,
    SequentialSampleRatio,
    Summary,
    compare,
    compare_ratio,
)
from apps.experiments.domain.statistics.sequential import half_width, tuning

REPEATS, LOOKS = int(os.environ.get("FLYWHEEL_REPEATS", "300")), 100
ALPHA = 0.05
# Three standard errors of a share of 5 % over REPEATS experiments.
ALLOWED = ALPHA + 3 * (ALPHA * (1 - ALPHA) / REPEATS) ** 0.5


@dataclass(frozen=True)
class Path:
    """One experiment as its LOOKS see it: per look the units, sums and sums of squares of both arms."""

    n: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    planned: int
    metric: str = "proportion"

    def at(self, look: int) -> Comparison:
        """Return what a look says."""
        arms = [Summary(int(self.n[arm, look]), float(self.sums[arm, look]), float(self.squares[arm, look]))
                for arm in (0, 1)]  # fmt: skip
        return compare(arms[0], arms[1], metric=self.metric, planned_n=self.planned)  # type: ignore[arg-type]

    def far_from(self, difference: float) -> Iterator[Comparison]:
        """Yield every look whose interval could exclude this difference, the last first.

        A bare standard error is never larger than the sequence's own: no other look could.
        """
        n, sums = np.maximum(self.n, 1), self.sums
        variance = (self.squares - sums**2 / n) / np.maximum(n - 1, 1) / n
        distance = np.abs(sums[1] / n[1] - sums[0] / n[0] - difference)
        rho = tuning(alpha=ALPHA, planned_n=self.planned)
        multiple = np.array([half_width(standard_error=1, n=int(total), rho=rho, alpha=ALPHA) for total in n.sum(0)])
        worth = (distance > 0.97 * multiple * np.sqrt(variance.sum(0))) & (self.n.min(0) >= 2)
        return (self.at(int(look)) for look in np.flatnonzero(worth)[::-1])


def rates(control: float, treatment: float, per_arm: int, generator: np.random.Generator) -> Path:
    """Return an experiment of two rates whose arms grow evenly."""
    step = per_arm // LOOKS
    events = np.stack([generator.binomial(step, rate, LOOKS).cumsum() for rate in (control, treatment)]).astype(float)
    n = np.stack([step * np.arange(1, LOOKS + 1)] * 2)
    return Path(n, events, events, 2 * per_arm)


def attacks(rate: float, generator: np.random.Generator) -> Path:
    """Return fourteen weeks of about 25 attacks each, looked at daily, dealt to the arms by lot."""
    arriving = generator.poisson(25 / 14, (2, LOOKS))
    events = generator.binomial(arriving, rate).cumsum(axis=1).astype(float)
    return Path(arriving.cumsum(axis=1), events, events, 350)


def revenue(paying: tuple[float, float], per_arm: int, generator: np.random.Generator, cap: float = np.inf) -> Path:
    """Return an experiment of money: few pay, and what they pay is lognormal (the mean four times the median or so)."""
    step = per_arm // LOOKS
    drawn = np.stack(
        [(generator.random((LOOKS, step)) < p) * np.minimum(generator.lognormal(3, 1.5, (LOOKS, step)), cap)
         for p in paying]
    )  # fmt: skip
    n = np.stack([step * np.arange(1, LOOKS + 1)] * 2)
    return Path(n, drawn.sum(2).cumsum(1), (drawn**2).sum(2).cumsum(1), 2 * per_arm, "mean")


def share(make: Callable[[np.random.Generator], Path], ends: Callable[[Path], bool], *, seed: int,
          repeats: int = REPEATS) -> float:  # fmt: skip
    """Return the share of experiments that end so."""
    generator = np.random.default_rng(seed)
    return sum(ends(make(generator)) for _ in range(repeats)) / repeats


def decided(path: Path) -> bool:
    return any(look.verdict != "continue" for look in path.far_from(0.0))


def missed(truth: float, *, from_enough: bool = False) -> Callable[[Path], bool]:
    """Whether some look's interval leaves the truth out; ``from_enough``: some look at which a verdict is possible."""

    def ends(path: Path) -> bool:
        return any(
            not (look.interval[0] <= truth <= look.interval[1])
            for look in path.far_from(truth)
            if look.interval is not None and not (from_enough and look.insufficient)
        )

    return ends


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda g: rates(0.2, 0.2, 10_000, g), id="a rate of 20 %"),
        pytest.param(lambda g: rates(0.02, 0.02, 10_000, g), id="a rate of 2 %"),
        pytest.param(lambda g: rates(0.02, 0.02, 1_000, g), id="a rate of 2 % of few"),
        pytest.param(lambda g: attacks(0.52, g), id="25 attacks a week, half of them blocked"),
        pytest.param(lambda g: attacks(0.93, g), id="25 attacks a week, most of them blocked"),
        pytest.param(lambda g: revenue((0.05, 0.05), 5_000, g), id="skewed revenue"),
        pytest.param(lambda g: revenue((0.05, 0.05), 5_000, g, cap=200), id="skewed revenue, winsorized"),
    ],
)
def test_a_hundred_looks_at_two_equal_arms_seldom_name_a_winner(made: Callable[[np.random.Generator], Path]) -> None:
    assert share(made, decided, seed=7) <= ALLOWED


@pytest.mark.parametrize(
    ("made", "truth"),
    [
        pytest.param(lambda g: rates(0.2, 0.22, 10_000, g), 0.02, id=".20 against .22"),
        pytest.param(lambda g: rates(0.02, 0.03, 10_000, g), 0.01, id=".02 against .03"),
        pytest.param(lambda g: rates(0.23, 0.12, 5_000, g), -0.11, id="escalation of the demo"),
        pytest.param(lambda g: rates(0.93, 0.97, 300, g), 0.04, id="few, and hardly a failure"),
        pytest.param(lambda g: attacks(0.52, g), 0.0, id="25 attacks a week"),
    ],
)
def test_every_look_s_interval_covers_the_truth_in_nineteen_of_twenty_experiments(
    made: Callable[[np.random.Generator], Path], truth: float
) -> None:
    assert share(made, missed(truth), seed=17) <= ALLOWED


def test_money_that_doubles_is_covered_from_the_first_look_that_may_decide() -> None:
    # Before an arm has its hundred values a skewed mean's interval is too short, which is why nothing is decided then.
    cap = 200.0
    paid = np.minimum(np.random.default_rng(1).lognormal(3, 1.5, 4_000_000), cap).mean()

    found = share(
        lambda g: revenue((0.05, 0.10), 5_000, g, cap=cap), missed(0.05 * float(paid), from_enough=True), seed=19
    )

    assert found <= ALLOWED


def test_a_real_difference_is_found_by_the_planned_size() -> None:
    assert share(lambda g: rates(0.20, 0.22, 10_000, g), decided, seed=11, repeats=150) >= 0.70
    assert share(lambda g: rates(0.20, 0.24, 10_000, g), decided, seed=13, repeats=150) >= 0.99


def test_clustered_units_keep_their_alpha_by_the_delta_method() -> None:
    # Users of 10 conversations each, whose own rates vary: an intra-class correlation of .2.
    generator = np.random.default_rng(5)
    wrong = naive = 0
    for _ in range(REPEATS):
        summaries, counts = [], []
        for _ in range(2):
            m = generator.binomial(10, generator.beta(0.8, 3.2, 300))
            summaries.append(clustered(m, np.full(300, 10)))
            counts.append(Summary.of_successes(int(m.sum()), 3000))
        wrong += compare_ratio(*summaries, method="fixed").verdict != "continue"
        naive += compare(*counts, metric="proportion", method="fixed").verdict != "continue"

    assert wrong / REPEATS <= ALLOWED
    assert naive / REPEATS > 0.15


def test_a_few_attackers_watched_for_fourteen_weeks_decide_nothing_where_nothing_is() -> None:
    # Nine attackers a week with some three attacks each, an intra-class correlation of .4, looked at weekly.
    generator = np.random.default_rng(23)
    wrong = 0
    for _ in range(REPEATS):
        d = 1 + generator.poisson(25 / 9 - 1, 9 * 14)
        m, arm = generator.binomial(d, generator.beta(0.78, 0.72, 9 * 14)), generator.integers(0, 2, 9 * 14)
        looks = (
            compare_ratio(*(clustered(m[:seen][arm[:seen] == one], d[:seen][arm[:seen] == one]) for one in (0, 1)),
                          planned_n=9 * 14)
            for seen in range(9, 9 * 14 + 1, 9)
        )  # fmt: skip
        wrong += any(look.verdict != "continue" for look in looks)

    assert wrong / REPEATS <= ALLOWED


def clustered(m: np.ndarray, d: np.ndarray) -> RatioSummary:
    """Summarize units of m events in d conversations each."""
    return RatioSummary(
        len(m), int(m.sum()), int((m**2).sum()), int(d.sum()), int((d**2).sum()), int((m * d).sum())
    )  # fmt: skip


def test_the_live_split_check_is_quiet_on_a_fair_split_and_sees_a_lost_tenth() -> None:
    generator = np.random.default_rng(3)
    check = SequentialSampleRatio((1.0, 1.0))
    alarms = 0
    for _ in range(REPEATS):
        units = generator.binomial(100, 0.5, LOOKS).cumsum()
        alarms += any(not check.look([int(n), 100 * (look + 1) - int(n)]).ok for look, n in enumerate(units))
    lost = check.look([5000, 4500])

    assert alarms / REPEATS <= 0.001 + 3 * (0.001 / REPEATS) ** 0.5
    assert not lost.ok
