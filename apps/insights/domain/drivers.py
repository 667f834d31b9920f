"""Drivers: which factor, agent, version, model or channel goes with success, and which with failure.

Each level is compared with everything else of its dimension. These are crude associations: they say where an A/B test
may be worth its while, never what would happen. All comparisons of one look share one control of false discoveries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from apps.evaluations.domain.associations import ADJUSTMENT, FALSE_DISCOVERY_RATE, adjust, compare_proportions
from apps.evaluations.domain.intervals import newcombe
from apps.evaluations.domain.opportunities import days_of_test
from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.domain.tally import AgentTally, FactorTally, Tally
from apps.insights.domain.signals import Figures, Signal

# Fewer units on either side leave an interval as wide as the question.
FEWEST = 30
# What a team can vary in a test. An agent is a person or a routing; a channel is the customer's choice.
_TESTABLE = frozenset({"factor", "prompt_version", "model"})
_FILTERS = {"agent": "agent", "prompt_version": "prompt_version", "model": "model", "channel": "channel"}


@dataclass(frozen=True)
class Split:
    """How often ``metric`` came true (``k`` of ``n``) with one level of a dimension, and with all others."""

    metric: str
    dimension: str
    level: str
    k1: int
    n1: int
    k0: int
    n0: int

    @property
    def key(self) -> str:
        """Return the name of the driver this comparison may show."""
        return f"{self.metric}:{self.dimension}:{self.level}"


@dataclass(frozen=True)
class Driver:
    """A split with its difference, interval and adjusted p-value."""

    split: Split
    difference: float
    interval: tuple[float, float]
    p_value: float
    q_value: float = 1.0

    @property
    def stands(self) -> bool:
        """Return whether it survives the control of false discoveries and its interval excludes 0."""
        return self.q_value <= FALSE_DISCOVERY_RATE and not self.interval[0] <= 0 <= self.interval[1]


def splits_of(total: Tally, levels: Mapping[str, Mapping[str, Tally]]) -> list[Split]:
    """Return every comparison the data holds: factors of offers and agents, and the levels of each dimension.

    ``levels`` maps dimension (prompt_version, model, channel) to level to the tally of its conversations; an unnamed
    level ('') is only ever among the others.
    """
    found = [_of_offers("factor", name, counted, total.settled) for name, counted in total.factors.items()]
    for name, agent in total.agents.items():
        offers = _offers(agent)
        found.append(_of_offers("agent", name, offers, total.settled))
        found.append(
            Split("escalation_rate", "agent", name, agent.escalated, agent.conversations,
                  total.escalations_done - agent.escalated, total.conversations - agent.conversations)
        )  # fmt: skip
    for dimension, tallies in levels.items():
        # Only what carries a name of this dimension can be compared within it.
        conversations = sum(tally.conversations for tally in tallies.values())
        escalated = sum(tally.escalations_done for tally in tallies.values())
        settled = _sum(tally.settled for tally in tallies.values())
        for name, tally in tallies.items():
            if not name:
                continue
            found.append(_of_offers(dimension, name, tally.settled, settled))
            found.append(
                Split("escalation_rate", dimension, name, tally.escalations_done, tally.conversations,
                      escalated - tally.escalations_done, conversations - tally.conversations)
            )  # fmt: skip
    return found


def compare(splits: list[Split]) -> list[Driver]:
    """Return the drivers with at least 30 units on both sides, strongest first.

    Source: Benjamini and Hochberg (1995) over all of them; Newcombe's interval; the pooled z-test.
    """
    found = []
    for split in splits:
        interval = newcombe(split.k1, split.n1, split.k0, split.n0)
        if min(split.n1, split.n0) < FEWEST or interval is None:
            continue
        difference = split.k1 / split.n1 - split.k0 / split.n0
        found.append(
            Driver(split, difference, interval, compare_proportions(split.k1, split.n1, split.k0, split.n0))
        )  # fmt: skip
    adjusted = adjust([driver.p_value for driver in found])
    drivers = [replace(driver, q_value=q_value) for driver, q_value in zip(found, adjusted, strict=True)]
    return sorted(
        drivers, key=lambda each: (-abs(each.difference), each.split.metric, each.split.dimension, each.split.level)
    )


def find_drivers(total: Tally, levels: Mapping[str, Mapping[str, Tally]]) -> list[Signal]:
    """Return a signal for each driver that stands, strongest first."""
    compared = compare(splits_of(total, levels))
    # Two levels are one comparison seen from both sides: the one that goes with success tells it.
    shown: dict[tuple[str, str, frozenset[tuple[int, int]]], Driver] = {}
    for driver in compared:
        if driver.stands:
            split = driver.split
            sides = frozenset({(split.k1, split.n1), (split.k0, split.n0)})
            key = (split.metric, split.dimension, sides)
            if key not in shown or _is_success(driver):
                shown[key] = driver
    return [_signal(driver, total, looked_at=len(compared)) for driver in shown.values()]


def _signal(driver: Driver, total: Tally, *, looked_at: int) -> Signal:
    split = driver.split
    name = split.dimension.replace("_", " ")
    goes = "more" if driver.difference > 0 else "fewer"
    what = {"upsell_rate": "confirmed upsells", "escalation_rate": "escalations"}[split.metric]
    return Signal(
        kind="driver",
        key=split.key,
        metric=split.metric,
        severity="low" if _is_success(driver) else "medium",
        title=f"{name.capitalize()} {split.level} goes with {goes} {what}",
        figures=Figures(
            value=driver.difference,
            unit="fraction",
            n=split.n1 + split.n0,
            interval=driver.interval,
            before=split.k0 / split.n0,
            detail={
                "dimension": split.dimension,
                "level": split.level,
                "with": {"n": split.n1, "rate": split.k1 / split.n1},
                "without": {"n": split.n0, "rate": split.k0 / split.n0},
                "p_value": driver.p_value,
                "q_value": driver.q_value,
                "comparisons": looked_at,
                "association": ADJUSTMENT,
                "test_days": _days(driver, total) if split.dimension in _TESTABLE else None,
                "testable": split.dimension in _TESTABLE,
            },
        ),
        rows=_rows(split),
    )


def _is_success(driver: Driver) -> bool:
    return (driver.difference > 0) == (REGISTRY[driver.split.metric].direction == "increase")


def _days(driver: Driver, total: Tally) -> int | None:
    split = driver.split
    return days_of_test(
        baseline=split.k0 / split.n0, gap=-driver.difference, units_a_day=(split.n1 + split.n0) / max(1, total.days)
    )


def _rows(split: Split) -> dict[str, str]:
    rows = {"upsell": "confirmed"} if split.metric == "upsell_rate" else {"escalated": "true"}
    if split.dimension in _FILTERS:
        rows[_FILTERS[split.dimension]] = split.level
    return rows


def _of_offers(dimension: str, level: str, with_it: FactorTally, settled: FactorTally) -> Split:
    return Split(
        "upsell_rate", dimension, level, with_it.confirmed, with_it.offered,
        settled.confirmed - with_it.confirmed, settled.offered - with_it.offered,
    )  # fmt: skip


def _offers(agent: AgentTally) -> FactorTally:
    return FactorTally(agent.offered, agent.confirmed)


def _sum(parts: Iterable[FactorTally]) -> FactorTally:
    total = FactorTally()
    for part in parts:
        total = total.merge(part)
    return total
