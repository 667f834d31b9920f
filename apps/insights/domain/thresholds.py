"""Thresholds: which metrics are on the wrong side of the line their organization drew.

The registry says what a threshold on a metric means. Where it flags conversations (``Metric.flags``), the signal is
their number and share; elsewhere the period's figure is compared with the line: above it is wrong for a metric that
should fall, below it for one that should rise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.evaluations.domain.intervals import wilson
from apps.evaluations.domain.registry import REGISTRY, Metric
from apps.insights.domain.measured import Measured, weight_of
from apps.insights.domain.signals import Figures, Signal, raised
from apps.platform.wording import counted

_SAYS = {"<": "below", "<=": "at or below", ">=": "at or above"}


@dataclass(frozen=True)
class Flagged:
    """Conversations a threshold flags, of how many users they are, and how many had a value at all."""

    conversations: int
    users: int
    known: int


def rows_of(key: str, limit: float) -> dict[str, str]:
    """Return the filters that list what a threshold is about: the conversations it flags, or those behind the figure.

    Raises KeyError for a metric the registry does not have.
    """
    metric = REGISTRY[key]
    return {metric.flags.filter: f"{limit:g}"} if metric.flags is not None else dict(metric.rows)


def cross(thresholds: Mapping[str, float], now: Measured, flagged: Mapping[str, Flagged]) -> list[Signal]:
    """Return a signal for each threshold that is crossed; what is unknown crosses nothing.

    ``flagged`` has an entry for each threshold whose metric flags conversations. Raises KeyError for a metric the
    registry does not have.
    """
    found = []
    for key, limit in thresholds.items():
        metric = REGISTRY[key]
        signal = _compare(metric, limit, now) if metric.flags is None else _flag(metric, limit, flagged[key])
        if signal is not None:
            found.append(signal)
    return found


def _flag(metric: Metric, limit: float, flagged: Flagged) -> Signal | None:
    assert metric.flags is not None
    if flagged.conversations == 0:
        return None
    share = flagged.conversations / flagged.known if flagged.known else None
    return Signal(
        kind="threshold",
        key=metric.key,
        metric=metric.key,
        severity=weight_of(metric.key),
        title=f"{counted(flagged.conversations, 'conversation')} with {_words(metric.key)} "
        f"{_SAYS[metric.flags.comparison]} {limit:g}",
        figures=Figures(
            value=float(flagged.conversations),
            unit="conversations",
            n=flagged.known,
            limit=limit,
            detail={
                "share": share,
                "share_interval": _listed(wilson(flagged.conversations, flagged.known)),
                "users": flagged.users,
            },
        ),
        rows=rows_of(metric.key, limit),
    )


def _compare(metric: Metric, limit: float, now: Measured) -> Signal | None:
    value = now.values.get(metric.key)
    if value is None:
        return None
    falls_better = metric.direction == "decrease"
    if not (value > limit if falls_better else value < limit):
        return None
    interval = now.interval(metric.key)
    # An interval that reaches across the line: the period may be on the right side of it after all.
    perhaps = interval is not None and interval[0] <= limit <= interval[1]
    severity = weight_of(metric.key)
    return Signal(
        kind="threshold",
        key=metric.key,
        metric=metric.key,
        severity=raised(severity, -1) if perhaps else severity,
        title=f"{_words(metric.key).capitalize()} {_verb(metric.key)} {'above' if falls_better else 'below'} "
        f"{_written(limit, metric.unit)}",
        figures=Figures(
            value=value,
            unit=metric.unit,
            n=now.n(metric.key),
            interval=interval,
            limit=limit,
            detail={"may_be_chance": perhaps},
        ),
        rows=rows_of(metric.key, limit),
    )


def _verb(key: str) -> str:
    return "are" if key.endswith("s") else "is"


def _words(key: str) -> str:
    return key.replace("_", " ")


def _written(value: float, unit: str) -> str:
    return f"{value:.0%}" if unit == "fraction" else f"{value:g}"


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
