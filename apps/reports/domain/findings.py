"""What was measured of one decided change on one metric, before it is a row of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.reports.domain.roi.model import Grade

# How an experiment's end reads in the ledger. Every one of them is a line.
ENDED = ("promoted", "no_winner", "loser", "rolled_back", "stopped", "deployed", "retired")


@dataclass(frozen=True)
class Finding:
    """The effect of a change on a metric, treatment − control or after − before, with its 95 % interval.

    ``treated``: how many of what the metric counts were treated while it was tried. ``reach``: the share of the
    application's traffic the change touches. ``effect`` None: too little was measured, ``why`` says what.
    """

    metric: str
    grade: Grade
    effect: Decimal | None
    low: Decimal | None
    high: Decimal | None
    falls_are_gains: bool
    selected: bool
    n: int
    treated: Decimal
    reach: Decimal
    evidence: tuple[int, ...] = ()
    why: str = ""

    @property
    def gain(self) -> Decimal | None:
        """The effect with a gain for the business positive."""
        if self.effect is None:
            return None
        return -self.effect if self.falls_are_gains else self.effect


@dataclass(frozen=True)
class Decided:
    """A change that has ended its trial, in one application: what it was, how it ended, from when until when it held.

    ``holds_from`` None: it was taken back or never promoted, so nothing goes on. ``held_until`` None: it still holds.
    """

    source_kind: str
    source_id: str
    improvement_id: int | None
    name: str
    state: str
    scope: str
    trial: str
    decided_at: datetime
    holds_from: datetime | None
    held_until: datetime | None
    findings: tuple[Finding, ...]

    def is_regression(self, finding: Finding) -> bool:
        """Whether this is what a change that was taken back made worse: a cost."""
        taken_back = self.state in ("rolled_back", "loser")
        return taken_back and finding.gain is not None and finding.gain < 0


def exact(value: float | None) -> Decimal | None:
    """Return a measured number as the ledger keeps it, to ten digits after the point."""
    return None if value is None else Decimal(repr(value)).quantize(Decimal("1e-10"))
