"""Who is said to carry a drift: of each dimension the level that brings most of it, where something is told apart."""

from __future__ import annotations

from apps.insights.domain.carriers import Part
from apps.insights.domain.drifts import carriers_of


def part(dimension: str, level: str, share: float) -> Part:
    return Part(dimension, level, -0.5 * share, share, 400, 300, -0.5, (-0.7, -0.3))


def test_of_each_dimension_the_level_that_brings_most_is_named() -> None:
    parts = [
        part("prompt_version", "4", 0.9), part("prompt_version", "3", 0.1), part("agent", "a", 0.4),
        part("agent", "b", 0.6),
    ]  # fmt: skip

    told = carriers_of(parts)

    assert [(each["dimension"], each["level"], each["share"]) for each in told] == [
        ("prompt_version", "4", 0.9), ("agent", "b", 0.6),
    ]  # fmt: skip
    assert told[0] | {"n_before": 400, "n_since": 300, "change": -0.5, "interval": [-0.7, -0.3]} == told[0]


def test_a_dimension_that_tells_nothing_apart_carries_nothing() -> None:
    one_level = [part("channel", "web", 1.0)]
    unnamed = [part("agent", "", 0.8), part("agent", "a", 0.2)]
    spread = [part("prompt_version", str(number), 0.25) for number in range(4)]

    assert carriers_of([*one_level, *unnamed, *spread]) == []
