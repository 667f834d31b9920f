"""What a flag is worth on an organization's own traffic, told from a sample that people have judged.

Unlabelled traffic cannot calibrate a detector: it may hold more attacks than the false alarms one allows. So sessions
are drawn at random, flagged and unflagged apart, a person says what each is, and the rest follows with its interval.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from apps.evaluations.domain.intervals import wilson

PER = 10_000
# With fewer judged sessions of a kind the interval says nothing anybody could act on.
FEWEST_FLAGGED, FEWEST_UNFLAGGED = 20, 50
# Each of two intervals is a little wider than 95 %, so that what is made of both holds in 95 % of cases (Bonferroni).
_Z_OF_TWO = 2.241402727604947

Status = Literal["uncalibrated", "calibrated"]


class AuditSample(msgspec.Struct, frozen=True):
    """Sufficient counts: sessions of the period flagged or not, and of the random sample of each how many were judged
    and how many of those were attacks."""

    flagged: int
    unflagged: int
    flagged_judged: int = 0
    flagged_attacks: int = 0
    unflagged_judged: int = 0
    unflagged_attacks: int = 0


class Estimate(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


# Where nothing was judged: what the detector did on 2,500 dialogues of another business (docs/accuracy.md).
ELSEWHERE = Estimate(8.0, 2.0, 29.0)


class Calibration(msgspec.Struct, frozen=True):
    """``false_alarms`` and ``missed`` are per 10,000 sessions; ``precision`` and ``recall`` are shares. Each is None
    where its sample is too small; ``missing_flagged`` and ``missing_unflagged`` say how many judgements that takes."""

    status: Status
    false_alarms: Estimate | None
    precision: Estimate | None
    missed: Estimate | None
    recall: Estimate | None
    missing_flagged: int
    missing_unflagged: int


def calibrate(sample: AuditSample) -> Calibration:
    """Return what the judged sample says. Calibrated means that false alarms are known; misses need the other sample.

    Raises ValueError where counts contradict one another.
    """
    _check(sample)
    sessions = sample.flagged + sample.unflagged
    missing_flagged = max(0, min(FEWEST_FLAGGED, sample.flagged) - sample.flagged_judged)
    missing_unflagged = max(0, min(FEWEST_UNFLAGGED, sample.unflagged) - sample.unflagged_judged)
    knows_flagged = sessions > 0 and not missing_flagged
    knows_unflagged = sessions > 0 and not missing_unflagged
    precision = _share(sample.flagged_attacks, sample.flagged_judged, sample.flagged) if knows_flagged else None
    alarms = _per(_complement(precision), sample.flagged, sessions) if precision is not None else None
    if knows_flagged and not sample.flagged:
        # Nothing was flagged: no false alarm, and no more than the rule of three allows to be expected.
        bounds = wilson(0, sessions)
        alarms = Estimate(0.0, 0.0, bounds[1] * PER) if bounds is not None else None
    missed_share = (
        _share(sample.unflagged_attacks, sample.unflagged_judged, sample.unflagged) if knows_unflagged else None
    )
    missed = _per(missed_share, sample.unflagged, sessions) if missed_share is not None else None
    status: Status = "calibrated" if alarms is not None else "uncalibrated"
    return Calibration(
        status, alarms, precision, missed, _recall(sample) if missed is not None else None,
        missing_flagged, missing_unflagged,
    )  # fmt: skip


def sessions_to_judge(flagged: int, unflagged: int) -> tuple[int, int]:
    """Return how many flagged and unflagged sessions to draw, at least, for a calibration."""
    return min(FEWEST_FLAGGED, flagged), min(FEWEST_UNFLAGGED, unflagged)


def expected_alarms(per_10k: Estimate, conversations: int) -> tuple[int, int]:
    """Return between how many false alarms to expect among so many conversations."""
    return math.floor(per_10k.low * conversations / PER), math.ceil(per_10k.high * conversations / PER)


def _share(hits: int, judged: int, of: int, z: float = 1.959963984540054) -> Estimate | None:
    """Return the share in all ``of`` sessions, of which ``judged`` were drawn without putting back."""
    bounds = wilson(hits, judged, z)
    if bounds is None:
        return None
    share = hits / judged
    # Whoever has judged them all knows the share; the interval shrinks on the way there.
    factor = math.sqrt((of - judged) / (of - 1)) if of > 1 else 0.0
    return Estimate(share, share - (share - bounds[0]) * factor, share + (bounds[1] - share) * factor)


def _complement(estimate: Estimate) -> Estimate:
    return Estimate(1 - estimate.value, 1 - estimate.high, 1 - estimate.low)


def _per(share: Estimate, part: int, sessions: int) -> Estimate:
    factor = part / sessions * PER
    return Estimate(share.value * factor, share.low * factor, share.high * factor)


def _recall(sample: AuditSample) -> Estimate | None:
    found = _share(sample.flagged_attacks, sample.flagged_judged, sample.flagged, _Z_OF_TWO)
    lost = _share(sample.unflagged_attacks, sample.unflagged_judged, sample.unflagged, _Z_OF_TWO)
    if found is None or lost is None:
        return None
    value = _part(found.value * sample.flagged, lost.value * sample.unflagged)
    low = _part(found.low * sample.flagged, lost.high * sample.unflagged)
    high = _part(found.high * sample.flagged, lost.low * sample.unflagged)
    return None if value is None or low is None or high is None else Estimate(value, low, high)


def _part(found: float, lost: float) -> float | None:
    return found / (found + lost) if found + lost > 0 else None


def _check(sample: AuditSample) -> None:
    for name, attacks, judged, total in (
        ("flagged", sample.flagged_attacks, sample.flagged_judged, sample.flagged),
        ("unflagged", sample.unflagged_attacks, sample.unflagged_judged, sample.unflagged),
    ):
        if not 0 <= attacks <= judged <= total:
            raise ValueError(f"{name}: {attacks} attacks of {judged} judged of {total} sessions cannot be")
