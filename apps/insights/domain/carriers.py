"""Who carries a change of a mean: how much of it each version, agent, model or channel brings.

The parts of one dimension add up to the whole change. A level's part is what its own mean changed, weighed by its
share of the conversations since, and what its share changed, weighed by how far it stood from the mean before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.evaluations.domain.intervals import difference_of_means
from apps.evaluations.domain.moments import Moments

FEWEST = 30


@dataclass(frozen=True)
class Part:
    """What one level brings to the change. ``interval`` is that of its own change; None where a side is too small."""

    dimension: str
    level: str
    part: float
    share: float
    n_before: int
    n_since: int
    change: float | None
    interval: tuple[float, float] | None


def split_change(
    dimension: str, before: Mapping[str, Moments], since: Mapping[str, Moments], *, unit: int
) -> list[Part]:
    """Return every level's part in the change of the mean from ``before`` to ``since``, the largest first.

    ``unit`` is that of the moments. The parts add up to the change of the overall mean; ``share`` is a part's share
    of it. Empty where either side has no values or nothing changed.
    """
    all_before, all_since = _sum(before), _sum(since)
    mean_before, mean_since = all_before.mean(unit), all_since.mean(unit)
    if mean_before is None or mean_since is None or mean_since == mean_before:
        return []
    change = mean_since - mean_before
    parts = []
    for level in sorted({*before, *since}):
        old, new = before.get(level, Moments()), since.get(level, Moments())
        weight_old, weight_new = old.n / all_before.n, new.n / all_since.n
        new_mean = new.mean(unit) if new.n else None
        # A level that is new is compared with the mean of all before it came.
        reference = old.mean(unit) if old.n else mean_before
        assert reference is not None
        own = weight_new * (new_mean - reference) if new_mean is not None else 0.0
        moved = (weight_new - weight_old) * (reference - mean_before)
        part = own + moved
        parts.append(
            Part(dimension, level, part, part / change, old.n, new.n, *_own_change(old, new, unit))
        )  # fmt: skip
    return sorted(parts, key=lambda each: (-each.share, each.level))


def _own_change(old: Moments, new: Moments, unit: int) -> tuple[float | None, tuple[float, float] | None]:
    mean1, mean0, variance1, variance0 = new.mean(unit), old.mean(unit), new.variance(unit), old.variance(unit)
    if min(old.n, new.n) < FEWEST or mean1 is None or mean0 is None or variance1 is None or variance0 is None:
        return None, None
    return mean1 - mean0, difference_of_means(mean1, variance1, new.n, mean0, variance0, old.n)


def _sum(parts: Mapping[str, Moments]) -> Moments:
    total = Moments()
    for part in parts.values():
        total = total.merge(part)
    return total
