"""Draws of what is uncertain: assumptions by PERT, effects by their interval.

Each input has a stream of its own, made of the seed and its name: adding a line or changing one assumption leaves the
draws of all others as they were, so that two reports differ by what was changed and by nothing else.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
import numpy.typing as npt

from apps.reports.domain.roi.model import Assumption, Effect

Draws = npt.NDArray[np.float64]

# Half the width of a 95 % interval in standard deviations.
_TO_95 = 1.959963984540054


def draw_assumption(assumption: Assumption, *, draws: int, seed: int) -> Draws:
    """Return draws from the PERT distribution of an assumption; constant where low is high.

    A Beta distribution between low and high whose mean is (low + 4 mode + high) / 6 (Malcolm, Roseboom, Clark and
    Fazar, 1959).
    """
    low, mode, high = (float(each) for each in (assumption.low, assumption.mode, assumption.high))
    if low == high:
        return np.full(draws, low)
    width = high - low
    return low + width * _stream("assumption", assumption.key, seed).beta(
        1 + 4 * (mode - low) / width, 1 + 4 * (high - mode) / width, draws
    )


def draw_effect(effect: Effect, *, key: str, draws: int, seed: int) -> Draws:
    """Return draws of an effect, a gain being positive: normal on each side of the estimate, as wide as its interval.

    A selected effect is drawn around its shrunk estimate with its whole spread.
    """
    estimate, low, high = (float(each) for each in (effect.estimate, effect.low, effect.high))
    below, above = (estimate - low) / _TO_95, (high - estimate) / _TO_95
    centre = shrunk(estimate, math.hypot(below, above) / math.sqrt(2)) if effect.selected else estimate
    normal = _stream("effect", key, seed).standard_normal(draws)
    drawn = centre + np.where(normal < 0, below, above) * normal
    return -drawn if effect.falls_are_gains else drawn


def shrunk(estimate: float, standard_error: float) -> float:
    """Return an estimate less the winner's curse: times 1 − (standard error / estimate)², at least 0.

    The variance of true effects is taken as what this estimate shows beyond its own noise (the positive-part
    James–Stein estimator of one mean; Efron and Morris, 1973).
    """
    if estimate == 0:
        return 0.0
    return estimate * max(0.0, 1 - (standard_error / estimate) ** 2)


def _stream(kind: str, key: str, seed: int) -> np.random.Generator:
    name = zlib.crc32(f"{kind}:{key}".encode())
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, name])))
