"""How often the degradation alarm is wrong, and how fast it is right: docs/degradation.md is made by this.

    python scripts/simulate_degradation.py [--charts 2000] [--seed 1]  > docs/degradation.md

Each chart learns from 56 days of simulated traffic and watches up to 90 more. False alarms: nothing changes. Found: a
drop of 0.3 points begins on a random one of the first 60 days watched; charts that alarmed before it are not counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from apps.evaluations.domain.intervals import wilson
from apps.insights.domain.days import WARM_UP, DailyMean
from apps.insights.domain.degradation import HORIZON, watch

START = date(2026, 1, 1)
DROP, WITHIN_DAYS = 0.3, 30


@dataclass(frozen=True)
class World:
    """Traffic: conversations a day, spread of a score, spread between days, what a day has of the one before."""

    name: str
    conversations: int = 200
    spread: float = 1.6
    between_days: float = 0.08
    memory: float = 0.0
    heavy_tails: bool = False
    weekdays: float = 0.15


WORLDS = (
    World("200 conversations a day"),
    World("the same, days alike but for chance", between_days=0.0),
    World("the same, each day with 0.3 of the day before", memory=0.3),
    World("the same, bad days far worse than normal ones (t, 4 degrees), twice the spread between days",
          between_days=0.15, heavy_tails=True),
    World("40 conversations a day", conversations=40),
)  # fmt: skip


def simulate(world: World, random: np.random.Generator, days: int, drop_at: int | None = None) -> list[DailyMean]:
    """Return so many days of traffic, with a lasting drop from ``drop_at`` on."""
    weekdays = random.normal(0, world.weekdays, 7)
    made, mood = [], 0.0
    for place in range(days):
        day = START + timedelta(days=place)
        news = float(random.standard_t(4) / np.sqrt(2) if world.heavy_tails else random.normal())
        mood = world.memory * mood + float(np.sqrt(1 - world.memory**2)) * news
        n = max(6, int(random.poisson(world.conversations)))
        level = 7 + weekdays[day.weekday()] + world.between_days * mood
        level -= DROP if drop_at is not None and place >= drop_at else 0
        mean = level + random.normal() * world.spread / np.sqrt(n)
        made.append(DailyMean(day, n, float(mean), float(world.spread**2 * random.chisquare(n - 1) / (n - 1))))
    return made


def false_alarms(world: World, charts: int, seed: int) -> int:
    """Return how many of so many charts alarm within 90 days of nothing."""
    days = (simulate(world, np.random.default_rng([seed, chart]), WARM_UP + HORIZON) for chart in range(charts))
    found = (watch(each, direction="increase", seed=chart) for chart, each in enumerate(days))
    return sum(chart.status == "degraded" for chart in found)


def delays(world: World, charts: int, seed: int) -> Iterator[int | None]:
    """Yield, for each chart that was quiet until the drop, the days until its alarm; None if there was none."""
    for chart in range(charts):
        random = np.random.default_rng([seed, chart, 1])
        drop_at = WARM_UP + int(random.integers(0, HORIZON - WITHIN_DAYS))
        found = watch(simulate(world, random, drop_at + WITHIN_DAYS, drop_at), direction="increase", seed=chart)
        if found.alarmed_on is None:
            yield None
        elif (delay := (found.alarmed_on - START).days - drop_at + 1) > 0:
            yield delay


def main() -> None:
    """Print docs/degradation.md."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--charts", type=int, default=2000)
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    print(f"""# Degradation alarms, simulated

Made by `python scripts/simulate_degradation.py --charts {options.charts} --seed {options.seed}`. The alarm
(`apps/insights/domain/degradation.py`) is CUSUM + Shewhart on weekday-adjusted daily means, with limits found by a
bootstrap that fits the weekday means anew. Promised: at most 10 % of charts alarm within 90 days in which nothing
changed; at 200 conversations a day a drop of {DROP} points is found within {WITHIN_DAYS} days in at least 95 % of
cases, half of them within 8 days. Simulated scores have a standard deviation of {WORLDS[0].spread} points, weekdays
one of {WORLDS[0].weekdays}; each chart learns from {WARM_UP} days, the fewest it takes.

| traffic | false alarms in 90 days [95 %] | drop found in 30 days [95 %] | median delay | 90th percentile |
|---|---|---|---|---|""")
    for world in WORLDS:
        wrong = false_alarms(world, options.charts, options.seed)
        waited = list(delays(world, options.charts, options.seed))
        found = sorted(delay for delay in waited if delay is not None)
        print(
            f"| {world.name} | {_rate(wrong, options.charts)} | {_rate(len(found), len(waited))} | "
            f"{np.median(found):.0f} days | {np.quantile(found, 0.9):.0f} days |"
        )


def _rate(k: int, n: int) -> str:
    interval = wilson(k, n)
    assert interval is not None
    return f"{k / n:.1%} [{interval[0]:.1%}, {interval[1]:.1%}]"


if __name__ == "__main__":
    main()
