"""The confidence sequence over time: what every look saw of the first treatment against control."""

from __future__ import annotations

from typing import Any

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.selectors.sequence import Sequence
from apps.platform.templatetags.figures import number, signed

# A line of more points than this says nothing more.
MOST_POINTS = 120


def draw_sequence(sequence: Sequence, metric: str | None) -> dict[str, Any] | None:
    """Return the chart of difference and interval at each look, oldest first; None before two looks had an interval."""
    seen = sequence.seen
    if len(seen) < 2:
        return None
    is_rate = metric in REGISTRY and REGISTRY[metric].unit == "fraction"
    factor, unit = (100, "points") if is_rate else (1, "")
    one_day = seen[0].at.date() == seen[-1].at.date()
    series = {
        "name": "treatment − control",
        "values": [round(each.difference * factor, 3) for each in seen],
        "lo": [round(each.low * factor, 3) for each in seen],
        "hi": [round(each.high * factor, 3) for each in seen],
        "n": [each.units for each in seen],
        "tone": "accent",
    }
    low, high = seen[-1].low * factor, seen[-1].high * factor
    decided = "leaves out zero" if low > 0 or high < 0 else "still holds zero"
    found = f"After {number(sequence.looks)} looks the interval {decided}: [{signed(low)}, {signed(high)}] {unit}"
    return {
        "id": "sequence",
        "kind": "line",
        "first": "Looked at",
        "alt": found.strip(),
        "data": {
            "labels": [f"{each.at:%H:%M}" if one_day else f"{each.at:%-d %b %H:%M}" for each in seen],
            "unit": unit,
            "series": [series],
            "points": len(seen) <= 12,
            "levels": [{"value": 0, "solid": True, "label": "no difference"}],
        },
    }
