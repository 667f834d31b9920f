"""Stories: the same finding seen again is one story, with a beginning, a course and an end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from apps.evaluations.domain.registry import REGISTRY
from apps.insights.domain.signals import Figures, Kind

Course = Literal["worsening", "improving", "steady", "unknown"]
# A change against the period before, or a single odd day, has no course of its own: it is one.
_WITHOUT_COURSE: frozenset[Kind] = frozenset({"trend", "driver", "anomaly"})


def plain(figures: Figures) -> dict[str, Any]:
    """Return figures as they are stored and shown: plain JSON."""
    return {
        "value": figures.value,
        "unit": figures.unit,
        "n": figures.n,
        "interval": list(figures.interval) if figures.interval else None,
        "limit": figures.limit,
        "before": figures.before,
        "detail": dict(figures.detail),
    }


def course(kind: Kind, metric: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Course:
    """Return where a story goes between two sightings, both as ``plain`` returns them.

    It goes somewhere only when the two 95 % intervals do not meet: stricter than a test of the difference, so that a
    story does not waver from one look to the next. "unknown" where a sighting has no interval.
    """
    if kind in _WITHOUT_COURSE:
        return "unknown"
    earlier, later = _interval(before), _interval(now)
    if earlier is None or later is None:
        return "unknown"
    if earlier[0] <= later[1] and later[0] <= earlier[1]:
        return "steady"
    rose = later[0] > earlier[1]
    return "worsening" if rose == _more_is_worse(now, metric) else "improving"


def _more_is_worse(figures: Mapping[str, Any], metric: str) -> bool:
    # A threshold that flags conversations counts what is wrong, whichever way its metric is better.
    return figures["unit"] == "conversations" or metric not in REGISTRY or REGISTRY[metric].direction == "decrease"


def _interval(figures: Mapping[str, Any]) -> tuple[float, float] | None:
    found = figures["detail"].get("share_interval") if figures["unit"] == "conversations" else figures["interval"]
    return (float(found[0]), float(found[1])) if found else None
