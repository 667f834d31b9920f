"""How an insight's figures are said: each in the unit of its metric, a difference with its sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.platform.templatetags.figures import money, number, percent, points, signed

# Their value is a difference: to the period before, or to everything else.
_DIFFERENCES = frozenset({"trend", "driver"})
KIND_WORDS = {
    "threshold": "threshold",
    "pattern": "poor-quality pattern",
    "trend": "trend",
    "driver": "driver",
    "anomaly": "odd day",
    "degradation": "degradation",
    "event": "live",
}


def write(value: float | None, unit: str, currency: str, *, kind: str = "") -> str:
    """Write a value in its unit; empty where it is not known."""
    if value is None:
        return ""
    if unit.startswith("fraction"):
        return points(value) if kind in _DIFFERENCES else percent(value, 1)
    if unit == "money":
        return money(value, currency)
    return signed(value, 2) if kind in _DIFFERENCES else number(value)


def write_interval(bounds: Sequence[float] | None, unit: str, currency: str, *, kind: str = "") -> list[str]:
    """Write the ends of an interval; the value beside it says per cent or points already."""
    if not unit.startswith("fraction"):
        return [write(bound, unit, currency, kind=kind) for bound in bounds or ()]
    differs = kind in _DIFFERENCES
    return [signed(bound * 100, 1) if differs else number(bound * 100, 1) for bound in bounds or ()]


def write_figures(figures: Mapping[str, Any], kind: str, currency: str) -> dict[str, Any]:
    """Return an insight's figures in words: value, interval, limit, before; n as a number and what it counts."""
    unit, detail = figures["unit"], figures["detail"]
    return {
        "value": write(figures["value"], unit, currency, kind=kind),
        "interval": write_interval(figures["interval"], unit, currency, kind=kind),
        "limit": write(figures["limit"], unit, currency),
        "before": write(figures["before"], unit, currency),
        "n": figures["n"],
        "n_counts": detail.get("n_counts", "conversations" if unit == "conversations" else ""),
    }
