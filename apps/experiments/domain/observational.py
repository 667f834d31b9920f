"""Comparisons nobody randomised: how strong each is, and an interval that is honest about it.

Naive tests before and after a change are "significant" in 22 to 46 % of cases where nothing changed, because days
differ from one another by more than their conversations explain. The ladder, best first: a randomised comparison;
difference in differences against untouched applications; a placebo-date test on 56 days and more of history; else
plain description, with a warning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

Design = Literal["randomised", "difference in differences", "interrupted time series", "before/after", "side by side"]
Grade = Literal["A", "B", "C", "D"]

# A history shorter than this cannot say how much such windows differ when nothing happens.
FEWEST_DAYS = 56
FEWEST_PLACEBOS = 20
# Two untouched applications give one degree of freedom: an interval that says nothing.
FEWEST_CONTROLS = 3
# A mix that moved by less is noise; by more, the comparison is of two populations.
MIX_SHIFT = 0.10


@dataclass(frozen=True)
class Contrast:
    """b − a with its interval and how it was had; figures are None where the design cannot give them."""

    design: Design
    grade: Grade
    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    why: str


def placebo_dates(history: Sequence[float | None], after: Sequence[float | None], *, alpha: float = 0.05) -> Contrast:
    """Return the change from before to after, judged by how windows of the same length changed when nothing happened.

    ``history`` are daily values up to the change, oldest first, ``after`` those since; None is a day without data. For
    every date in the history the same change is computed, of windows of the same lengths, and the quantiles of those
    placebo changes give the interval; p is the share of them at least as large (Abadie, Diamond and Hainmueller 2010,
    applied to dates). Overlapping placebos are not independent, so at least 20 of them, and 56 days, are asked for:
    with fewer the result describes and tests nothing.
    """
    known_after = [value for value in after if value is not None]
    known_before = [value for value in history if value is not None]
    if not known_after or not known_before:
        return Contrast("before/after", "D", None, None, None, "a side has no day with data")
    length = len(after)
    before = [value for value in history[-length:] if value is not None] or known_before
    change = fmean(known_after) - fmean(before)
    if len(known_before) < FEWEST_DAYS:
        missing = FEWEST_DAYS - len(known_before)
        return Contrast(
            "before/after", "D", change, None, None,
            f"descriptive: {missing} more days of history are needed to know how such windows differ by themselves",
        )  # fmt: skip
    placebos = _window_changes(history, length)
    if len(placebos) < FEWEST_PLACEBOS:
        return Contrast(
            "before/after", "D", change, None, None,
            f"descriptive: {length} days leave {len(placebos)} placebo dates, {FEWEST_PLACEBOS} are needed",
        )  # fmt: skip
    centre = fmean(placebos)
    spread = sorted(abs(value - centre) for value in placebos)
    half = spread[min(len(spread) - 1, math.ceil((1 - alpha) * (len(spread) + 1)) - 1)]
    as_large = sum(1 for value in spread if value >= abs(change - centre))
    return Contrast(
        "interrupted time series", "C", change, (change - half, change + half), (as_large + 1) / (len(spread) + 1),
        f"against {len(placebos)} placebo dates in {len(known_before)} days before; no control ran beside it",
    )  # fmt: skip


def difference_in_differences(
    treated: tuple[float, float], untouched: Sequence[tuple[float, float]], *, alpha: float = 0.05
) -> Contrast | None:
    """Return the change beyond what untouched applications changed meanwhile; None with fewer than three of them.

    Each pair is (before, after). The untouched changes are a sample of what happens without the change, so the
    interval is that of one new draw from them (a prediction interval on k − 1 degrees of freedom): it does not shrink
    with the number of conversations, and is wide where there are few applications (Conley and Taber 2011).
    """
    if len(untouched) < FEWEST_CONTROLS:
        return None
    changes = [after - before for before, after in untouched]
    k = len(changes)
    difference = (treated[1] - treated[0]) - fmean(changes)
    error = stdev(changes) * math.sqrt(1 + 1 / k)
    if error == 0:
        return None
    half = student_quantile(1 - alpha / 2, k - 1) * error
    return Contrast(
        "difference in differences", "B", difference, (difference - half, difference + half),
        2 * (1 - student_cdf(abs(difference) / error, k - 1)),
        f"beyond the change of {k} applications that nobody touched meanwhile",
    )  # fmt: skip


def mix_shift(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """Return how much two mixes differ: half the sum of absolute differences of shares, 0 alike, 1 disjoint."""
    totals = sum(before.values()), sum(after.values())
    if not all(totals):
        return 0.0
    names = set(before) | set(after)
    return sum(abs(before.get(name, 0) / totals[0] - after.get(name, 0) / totals[1]) for name in names) / 2


def _window_changes(history: Sequence[float | None], length: int) -> list[float]:
    changes = []
    for cut in range(length, len(history) - length + 1):
        left = [value for value in history[cut - length : cut] if value is not None]
        right = [value for value in history[cut : cut + length] if value is not None]
        if left and right:
            changes.append(fmean(right) - fmean(left))
    return changes


def student_cdf(t: float, degrees: int) -> float:
    """Return P(T <= t) of Student's t with whole degrees of freedom, by the closed form of its integral.

    Source: Abramowitz and Stegun, 26.7.3 and 26.7.4.
    """
    theta = math.atan2(t, math.sqrt(degrees))
    sine, cosine = math.sin(theta), math.cos(theta)
    total, term = 0.0, cosine if degrees % 2 else 1.0
    for power in range(2 if degrees % 2 else 1, degrees - 1, 2):
        total += term
        term *= cosine * cosine * power / (power + 1)
    if degrees % 2:
        if degrees > 1:
            total += term
        inside = (2 / math.pi) * (theta + sine * total)
    else:
        inside = sine * (total + term)
    return 0.5 + inside / 2


def student_quantile(probability: float, degrees: int) -> float:
    """Return t with P(T <= t) = probability, for one between .5 and 1, by bisection to 1e-10."""
    low, high = 0.0, 1.0
    while student_cdf(high, degrees) < probability:
        high *= 2
    while high - low > 1e-10 * max(1.0, high):
        middle = (low + high) / 2
        low, high = (middle, high) if student_cdf(middle, degrees) < probability else (low, middle)
    return (low + high) / 2
