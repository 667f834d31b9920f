"""Puts what was measured beside what was true: every figure of the demo's summary, before it is worded."""

from __future__ import annotations

from typing import Any

import msgspec

from apps.demo.truth import truth_table
from apps.demo.week import Flagged, Lived
from apps.evaluations.domain.intervals import wilson

# One week described as it was; nothing is compared, so no stronger claim is made.
GRADE = "descriptive"
Interval = tuple[float, float]


class Measured(msgspec.Struct, frozen=True):
    """A figure as the product measured it: ``n`` is what it was measured over, ``interval`` its 95 % interval."""

    value: float | None
    interval: Interval | None
    n: int
    grade: str = GRADE


class Figure(msgspec.Struct, frozen=True):
    """One figure, its truth, and the counts both are made of where they are rates. ``note`` must not be left unsaid."""

    key: str
    truth: float | None
    measured: Measured
    true_of: tuple[int, int] | None = None
    measured_of: tuple[int, int] | None = None
    note: str = ""

    @property
    def covered(self) -> bool | None:
        """Return whether the interval contains the truth; None where either is missing."""
        if self.truth is None or self.measured.interval is None:
            return None
        low, high = self.measured.interval
        return low <= self.truth <= high


class Detection(msgspec.Struct, frozen=True):
    """What was sent against what was found, by conversation. Intervals are Wilson's; rates are fractions.

    ``by_style`` and ``by_type`` say found and sent; ``decoys_flagged`` are false alarms at harmless conversations that
    were made to look suspicious; ``leaks_alone`` were not found as attacks, but the leak in the reply was.
    """

    sent: int
    found: int
    missed: int
    leaks_alone: int
    recall: float | None
    recall_interval: Interval | None
    harmless: int
    false_alarms: int
    false_alarm_rate: float | None
    false_alarm_interval: Interval | None
    decoys: int
    decoys_flagged: int
    by_style: dict[str, tuple[int, int]]
    by_type: dict[str, tuple[int, int]]
    succeeded: tuple[str, ...]


def detect(lived: Lived) -> Detection:
    """Return how well attacks were found, judged by whether a conversation carried one."""
    attacked = [flagged for flagged in lived.flagged if flagged.attacks]
    found = {flagged.session_id for flagged in attacked}
    sent = set(lived.truth.attacks)
    false = found - sent
    harmless = lived.truth.conversations - len(sent)
    leaks = {flagged.session_id for flagged in lived.flagged if flagged.faults and not flagged.attacks}
    return Detection(
        sent=len(sent),
        found=len(found & sent),
        missed=len(sent - found),
        leaks_alone=len(leaks & sent),
        recall=_share(len(found & sent), len(sent)),
        recall_interval=wilson(len(found & sent), len(sent)),
        harmless=harmless,
        false_alarms=len(false),
        false_alarm_rate=_share(len(false), harmless),
        false_alarm_interval=wilson(len(false), harmless),
        decoys=len(lived.truth.decoys),
        decoys_flagged=len(false & lived.truth.decoys),
        by_style=_found_by(lived, found, 0),
        by_type=_found_by(lived, found, 1),
        succeeded=tuple(sorted(_succeeded(attacked))),
    )


def figures(lived: Lived) -> list[Figure]:
    """Return the figures that have a truth, in the order in which they are told."""
    truth, metrics = lived.truth, lived.metrics
    security, quality, business = metrics["security"], metrics["quality"], metrics["business"]
    decided = security["attacks_blocked"] + security["attacks_succeeded"]
    short = quality["poor_quality_rates"].get("responses_under_20_chars")
    shorts = quality["poor_quality_patterns"].get("responses_under_20_chars", 0)
    return [
        Figure(
            "attacked_conversations",
            len(truth.attacks),
            Measured(security["attacked_conversations"], _interval(security["attacks_ci"]), metrics["conversations"]),
        ),
        _rate(
            "block_rate", (truth.blocked, len(truth.attacks)), (security["attacks_blocked"], decided),
            security["block_rate_ci"], note=f"{security['attacks_unclear']:,} unclear",
        ),
        _rate(
            "escalation_rate", (truth.escalated, truth.conversations),
            (quality["escalations"]["done"], quality["escalation_rate_n"]), quality["escalation_rate_ci"],
        ),
        _rate(
            "short_reply_rate", (truth.short_replies, truth.conversations), (shorts, metrics["conversations"]),
            short["ci"] if short else None,
        ),
        _rate(
            "upsell_rate", (truth.upsells, truth.offers), (business["upsells"], business["funnel"]["offered"]),
            business["upsell_rate_ci"],
        ),
        Figure(
            "average_upsell_value",
            round(float(truth.upsell_value) / truth.upsells, 2) if truth.upsells else None,
            Measured(business["average_upsell_value"], None, business["average_upsell_value_n"]),
        ),
        Figure(
            "customer_satisfaction",
            truth.mean_survey,
            Measured(
                quality["customer_satisfaction"], _interval(quality["customer_satisfaction_ci"]),
                quality["customer_satisfaction_n"],
            ),
        ),
    ]  # fmt: skip


def summarize(lived: Lived) -> dict[str, Any]:
    """Return the summary as it is printed with --format json. ``metrics`` is the answer of GET /api/v1/metrics."""
    rows = figures(lived)
    table = truth_table()
    captured = lived.captured
    summary = {
        "plan": lived.plan,
        "captured": {
            "conversations": captured.conversations,
            "messages": lived.truth.messages,
            "stored": captured.stored,
            "rejected": captured.pushed.rejected,
            "lost": captured.lost,
        },
        "truth": {
            **{row.key: row.truth for row in rows},
            "best_agent": max(table.agents, key=lambda agent: table.agents[agent]),
        },
        "measured": {row.key: row.measured for row in rows},
        "detection": detect(lived),
        "intervals_with_truth": [
            sum(row.covered is True for row in rows),
            sum(row.covered is not None for row in rows),
        ],
        "metrics": lived.metrics,
        "seconds": {"capture": round(captured.seconds, 1), "analyze": round(lived.analyze_seconds, 1)},
    }
    plain: dict[str, Any] = msgspec.to_builtins(summary)
    return plain


def _rate(
    key: str, true_of: tuple[int, int], measured_of: tuple[int, int], interval: list[float] | None, note: str = ""
) -> Figure:
    measured = Measured(_share(*measured_of), _interval(interval), measured_of[1])
    return Figure(key, _share(*true_of), measured, true_of, measured_of, note)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _interval(bounds: list[float] | None) -> Interval | None:
    return (bounds[0], bounds[1]) if bounds else None


def _found_by(lived: Lived, found: set[str], part: int) -> dict[str, tuple[int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    for session, named in sorted(lived.truth.attacks.items()):
        hits, sent = counts.get(named[part], (0, 0))
        counts[named[part]] = (hits + (session in found), sent + 1)
    return counts


def _succeeded(attacked: list[Flagged]) -> list[str]:
    return [flagged.session_id for flagged in attacked if "succeeded" in flagged.outcomes]
