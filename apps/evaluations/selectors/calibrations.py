"""What the detector's counts are worth on an application's traffic. Call inside tenant(...)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.evaluations.analyzers import SECURITY, VERSIONS
from apps.evaluations.domain.security.agreement import Judged, agreement
from apps.evaluations.domain.security.calibration import (
    ELSEWHERE,
    PER,
    AuditSample,
    Estimate,
    calibrate,
    expected_alarms,
)
from apps.evaluations.models import AuditItem, Calibration, VerdictLabel

_MOST_LABELS = 5_000


@dataclass(frozen=True)
class Worth:
    """What a flag is worth. Estimates are None where too little was judged; ``expected`` is then of other traffic."""

    status: str
    reason: str
    false_alarms: Estimate | None
    precision: Estimate | None
    missed: Estimate | None
    recall: Estimate | None
    expected: Estimate
    judged: int
    missing: int
    calibration: Calibration | None


def read_worth(application_id: int | None) -> Worth:
    """Return what one application's newest sample says; uncalibrated without one, and for several applications."""
    if application_id is None:
        return _unknown("several applications: each is calibrated by itself")
    row = newest_calibration(application_id)
    if row is None:
        return _unknown("no labelled sample of this traffic yet")
    found = calibrate(sample_of(row))
    judged = row.flagged_judged + row.unflagged_judged
    missing = found.missing_flagged + found.missing_unflagged
    if row.analyzer_version != VERSIONS[SECURITY]:
        return _unknown("the detector has changed since the sample was judged", row)
    if found.false_alarms is None:
        return _unknown(f"{found.missing_flagged} more flagged conversations of the sample wait to be judged", row)
    return Worth(
        status=found.status, reason="", false_alarms=found.false_alarms, precision=found.precision,
        missed=found.missed, recall=found.recall, expected=found.false_alarms, judged=judged, missing=missing,
        calibration=row,
    )  # fmt: skip


def show_worth(worth: Worth, conversations: int) -> dict[str, Any]:
    """Return what stands beside every count: whether it is calibrated, and how many false alarms to expect in it."""
    low, high = expected_alarms(worth.expected, conversations)
    return {
        "status": worth.status,
        "reason": worth.reason or None,
        "judged": worth.judged,
        "false_alarms_per_10k": worth.expected.value,
        "false_alarms_per_10k_ci": [worth.expected.low, worth.expected.high],
        "false_alarms_expected": [low, high],
        "measured_on": "this application's traffic" if worth.status == "calibrated" else "other traffic",
        "precision": _listed(worth.precision),
        "recall": _listed(worth.recall),
    }


def newest_calibration(application_id: int) -> Calibration | None:
    """Return the sample that holds for an application."""
    found: Calibration | None = Calibration.objects.filter(application_id=application_id).order_by("-id").first()
    return found


def sample_of(row: Calibration) -> AuditSample:
    """Return the counts of a sample as the statistics take them."""
    return AuditSample(
        flagged=row.flagged, unflagged=row.unflagged, flagged_judged=row.flagged_judged,
        flagged_attacks=row.flagged_attacks, unflagged_judged=row.unflagged_judged,
        unflagged_attacks=row.unflagged_attacks,
    )  # fmt: skip


def audit_items(row: Calibration) -> list[AuditItem]:
    """Return the conversations of a sample in the order in which they were captured."""
    return list(AuditItem.objects.filter(calibration=row).select_related("conversation").order_by("conversation_id"))


def verdicts_of(conversation_ids: Sequence[int]) -> dict[int, bool | None]:
    """Return for each judged conversation whether it holds an attack; None where as many people say yes as no.

    A person says yes who calls any finding of it, or the conversation as a whole, an attack.
    """
    said: dict[int, dict[str, bool]] = defaultdict(dict)
    labels = VerdictLabel.objects.filter(conversation_id__in=conversation_ids)
    for conversation_id, person, is_attack in labels.values_list("conversation_id", "person", "is_attack"):
        said[conversation_id][person] = said[conversation_id].get(person, False) or is_attack
    verdicts: dict[int, bool | None] = {}
    for conversation_id, people in said.items():
        votes = Counter(people.values())
        verdicts[conversation_id] = None if votes[True] == votes[False] else votes[True] > votes[False]
    return verdicts


def labels_of(conversation_id: int) -> list[VerdictLabel]:
    """Return what people said of one conversation, oldest first."""
    return list(VerdictLabel.objects.filter(conversation_id=conversation_id).order_by("id"))


def read_agreement(application_id: int) -> dict[str, Any]:
    """Return Cohen's kappa between people who judged the same, and of people with the detector."""
    rows = VerdictLabel.objects.filter(conversation__application_id=application_id).order_by("-id")
    columns = rows.values_list("conversation_id", "finding", "person", "is_attack", "detected")[:_MOST_LABELS]
    judged = [Judged(f"{conversation}:{finding}", *rest) for conversation, finding, *rest in columns]
    return agreement(judged)


def _unknown(reason: str, row: Calibration | None = None) -> Worth:
    judged = row.flagged_judged + row.unflagged_judged if row else 0
    missing = 0
    if row is not None:
        found = calibrate(sample_of(row))
        missing = found.missing_flagged + found.missing_unflagged
    return Worth("uncalibrated", reason, None, None, None, None, ELSEWHERE, judged, missing, row)


def _listed(estimate: Estimate | None) -> list[float] | None:
    return None if estimate is None else [estimate.value, estimate.low, estimate.high]


__all__ = [
    "PER",
    "Worth",
    "audit_items",
    "labels_of",
    "newest_calibration",
    "read_agreement",
    "read_worth",
    "sample_of",
    "show_worth",
    "verdicts_of",
]
