"""How far people agree with one another, and with the detector, beyond chance: Cohen's kappa."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import Any

import msgspec

_Z = 1.959963984540054


class Judged(msgspec.Struct, frozen=True):
    """One person's word on one thing, and what the detector said of it."""

    thing: str
    person: str
    is_attack: bool
    detected: bool


def kappa(pairs: Iterable[tuple[bool, bool]]) -> tuple[float, float, float, int] | None:
    """Return kappa, its 95 % interval and n of paired judgements; None where chance alone agrees always.

    Cohen (1960); the large-sample standard error of Fleiss, Cohen and Everitt (1969) in its simple form.
    """
    listed = list(pairs)
    n = len(listed)
    if not n:
        return None
    agreed = sum(a == b for a, b in listed) / n
    first, second = sum(a for a, _ in listed) / n, sum(b for _, b in listed) / n
    chance = first * second + (1 - first) * (1 - second)
    if chance >= 1:
        return None
    value = (agreed - chance) / (1 - chance)
    error = math.sqrt(agreed * (1 - agreed) / n) / (1 - chance)
    return value, max(-1.0, value - _Z * error), min(1.0, value + _Z * error), n


def agreement(judged: Iterable[Judged]) -> dict[str, Any]:
    """Return kappa between people (every pair who judged the same thing) and of people with the detector."""
    things: dict[str, dict[str, Judged]] = defaultdict(dict)
    for each in judged:
        things[each.thing][each.person] = each
    between = [
        (one.is_attack, other.is_attack)
        for people in things.values()
        for one, other in combinations([people[name] for name in sorted(people)], 2)
    ]
    with_detector = [(each.is_attack, each.detected) for people in things.values() for each in people.values()]
    return {
        "people": _shown(kappa(between), len(between)),
        "detector": _shown(kappa(with_detector), len(with_detector)),
    }


def _shown(found: tuple[float, float, float, int] | None, pairs: int) -> dict[str, Any]:
    if found is None:
        return {"kappa": None, "ci": None, "n": pairs}
    value, low, high, n = found
    return {"kappa": round(value, 3), "ci": [round(low, 3), round(high, 3)], "n": n}
