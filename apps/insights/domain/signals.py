"""What the finders return: one signal a finding, with its figures and the conversations behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal["threshold", "pattern", "trend", "driver", "anomaly", "degradation", "event"]
KINDS: tuple[Kind, ...] = ("threshold", "pattern", "trend", "driver", "anomaly", "degradation", "event")
Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class Period:
    """The time a finding is about: ``since`` is included, ``until`` is not; both are aware."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.since >= self.until:
            raise ValueError("a period ends after it begins")

    @property
    def before(self) -> Period:
        """Return the period of the same length that ends where this one begins."""
        return Period(self.since - (self.until - self.since), self.since)

    @property
    def days(self) -> int:
        """Return its length in whole days, at least 1."""
        return max(1, (self.until - self.since).days)


@dataclass(frozen=True)
class Figures:
    """The numbers of a signal.

    ``value`` rests on ``n`` units, ``interval`` is its 95 % interval; ``limit`` is the threshold and ``before`` the
    value it is compared with, where there is one. ``detail`` holds what only this kind knows, as plain JSON.
    """

    value: float | None
    unit: str
    n: int
    interval: tuple[float, float] | None = None
    limit: float | None = None
    before: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Signal:
    """One thing worth an insight. ``kind`` and ``key`` name it as long as it lasts: found again, it is the same story.

    ``metric`` is the registry's metric it speaks of. ``rows`` are the filters of GET /conversations that list the
    conversations behind it; empty where no conversation is.
    """

    kind: Kind
    key: str
    metric: str
    severity: Severity
    title: str
    figures: Figures
    rows: Mapping[str, str] = field(default_factory=dict)


def raised(severity: Severity, by: int) -> Severity:
    """Return the severity so many steps higher (lower where negative), within the scale."""
    place = SEVERITIES.index(severity) + by
    return SEVERITIES[min(max(place, 0), len(SEVERITIES) - 1)]
