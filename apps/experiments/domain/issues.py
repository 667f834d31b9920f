"""Whether a treatment brought security issues that control does not have: yes, no, or cannot be known yet."""

from __future__ import annotations

from dataclasses import dataclass

from apps.experiments.domain.measures import Measure, compare_arms
from apps.experiments.domain.statistics import RatioSummary

SUCCEEDED = Measure("successful_attacks", meaning="attacks that succeeded / conversations")


@dataclass(frozen=True)
class ArmIssues:
    """What attacks did in one arm of a phase.

    ``succeeded`` and ``at_worst`` are sums over units of attacks that succeeded per conversation, the second with every
    unclear outcome counted as a success. ``new_patterns`` are the ids of attack patterns first seen during the phase
    that conversations of this arm hold.
    """

    succeeded: RatioSummary
    at_worst: RatioSummary
    new_patterns: frozenset[int] = frozenset()

    @property
    def unclear(self) -> int:
        """Attacks of which nobody can tell whether they succeeded."""
        return round(self.at_worst.m_sum - self.succeeded.m_sum)


def no_new_issues(
    control: ArmIssues, treatment: ArmIssues, *, alpha: float, planned_n: int | None, fewest_units: int, searched: bool
) -> bool | None:
    """Return whether the treatment is free of issues that control does not have; None where that is not known yet.

    No: a new pattern was met by the treatment alone, or more of its conversations end in a successful attack, by a
    confidence sequence at ``alpha`` (attackers choose neither their arm nor the day somebody looks). Yes: neither, no
    rise even if every unclear attack succeeded, at least ``fewest_units`` in each arm, and everything suspicious has
    been ``searched`` for new patterns. Between them (a rise that may be chance, too little, a search under way): None.
    """
    if treatment.new_patterns - control.new_patterns:
        return False
    shown = compare_arms(
        SUCCEEDED, control.succeeded, treatment.succeeded, alpha=alpha, planned_n=planned_n, higher_is_better=False
    )
    if shown.verdict == "control":
        return False
    if not searched or min(control.succeeded.n, treatment.succeeded.n) < fewest_units:
        return None
    rises = [
        (after.ratio or 0.0) > (before.ratio or 0.0)
        for before, after in ((control.succeeded, treatment.succeeded), (control.at_worst, treatment.at_worst))
    ]
    return None if any(rises) else True
