"""Which variant a unit gets: a pure function of the phase's salts and the unit, the same everywhere and offline."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

_SIZE = 2.0**64


@dataclass(frozen=True)
class Arm:
    """One variant of a phase: its key, its relative weight, the prompt version it serves."""

    key: str
    weight: float
    version: int


@dataclass(frozen=True)
class Split:
    """How a phase divides units. ``arms`` begin with control; ``share`` is the fraction of units enrolled, in [0, 1].

    ``arms_share`` moves with a ramp beyond one half only: while it is None units are divided by weight, else the
    second of two arms has this share of all enrolled units. ``slice`` is the part [from, to) of the units of a layer
    that this phase may enrol; phases of one layer hold slices that do not overlap, so no unit is in two of them.
    """

    phase: str
    salt: str
    arms: tuple[Arm, ...]
    share: float = 1.0
    arms_share: float | None = None
    layer: str = ""
    slice: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Assigned:
    """What a unit got: the arm, its place among the arms, and the id that the application echoes in its logs."""

    arm: Arm
    index: int
    assignment_id: str


def bucket(salt: str, unit: str) -> float:
    """Return where a unit falls in [0, 1): SHA-256 of ``salt:unit``, its first 64 bits as a fraction."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{unit}".encode()).digest()[:8]) / _SIZE


def assign(split: Split, unit: str) -> Assigned | None:
    """Return what a unit gets, None where the phase does not enrol it.

    Three hashes, each with a salt of its own and so independent of the others: whether the layer gives this unit to
    this phase, whether the ramp has reached it, and which arm. A growing ``share`` only ever adds units, and none of
    them changes its arm.
    """
    if split.layer:
        low, high = split.slice
        if not low <= bucket(f"layer:{split.layer}", unit) < high:
            return None
    if split.share < 1 and bucket(f"{split.salt}:ramp", unit) >= split.share:
        return None
    index = pick(bucket(f"{split.salt}:arm", unit), shares(split))
    return Assigned(split.arms[index], index, assignment_id(split.phase, index, unit))


def shares(split: Split) -> tuple[float, ...]:
    """Return the fraction of enrolled units of each arm; they sum to 1."""
    if split.arms_share is not None:
        return (1 - split.arms_share, split.arms_share)
    total = sum(arm.weight for arm in split.arms)
    return tuple(arm.weight / total for arm in split.arms)


def pick(value: float, fractions: Sequence[float]) -> int:
    """Return the index of the interval a value in [0, 1) falls into. The last is counted from the top.

    Treatment lies at the upper end: as its share grows, control units become treatment units and none goes back.
    """
    edge = 1.0
    for index in range(len(fractions) - 1, 0, -1):
        edge -= fractions[index]
        if value >= edge:
            return index
    return 0


def assignment_id(phase: str, index: int, unit: str) -> str:
    """Return the id of an assignment: the phase, the arm, and 96 bits that stand for the unit without naming it."""
    return f"{phase}.{index}.{unit_digest(phase, unit)}"


def unit_digest(phase: str, unit: str) -> str:
    """Return what stands for a unit inside one phase (24 hexadecimal digits)."""
    return hashlib.sha256(f"{phase}:{unit}".encode()).hexdigest()[:24]


def ramp(percent: float) -> tuple[float, float | None]:
    """Return (share enrolled, share of treatment among them) when treatment is to have ``percent`` of all units.

    Up to one half a control of the same size stands beside the treatment, so that both are measured at the same time:
    10 % means 20 % of units enrolled, half of them treated. Beyond one half every unit is enrolled.
    Raises ValueError outside (0, 100].
    """
    if not 0 < percent <= 100:
        raise ValueError(f"a step gives more than 0 and at most 100 %, got {percent:g}")
    if percent <= 50:
        return percent / 50, None
    return 1.0, percent / 100
