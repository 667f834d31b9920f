"""The confidence sequence over time: what every look saw of the first treatment against control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.models import Snapshot
from apps.platform.templatetags.figures import signed

# A line of more points than this says nothing more; the last look is always among them.
_MOST_POINTS = 120


def draw_sequence(snapshots: Sequence[Snapshot], metric: str | None) -> dict[str, Any] | None:
    """Return the chart of difference and interval at each look, oldest first; None before two looks had an interval."""
    seen = [
        (each.at, first, sum(arm["units"] for arm in each.figures["variants"]))
        for each in snapshots
        if (first := next(iter(each.figures["comparisons"]), None)) and first["interval"]
    ]
    if len(seen) < 2:
        return None
    every = -(-len(seen) // _MOST_POINTS)
    seen = [each for place, each in enumerate(seen) if place % every == 0 or place == len(seen) - 1]
    is_rate = metric in REGISTRY and REGISTRY[metric].unit == "fraction"
    factor, unit = (100, "points") if is_rate else (1, "")
    one_day = seen[0][0].date() == seen[-1][0].date()
    series = {
        "name": "treatment − control",
        "values": [round(first["difference"] * factor, 3) for _, first, _ in seen],
        "lo": [round(first["interval"][0] * factor, 3) for _, first, _ in seen],
        "hi": [round(first["interval"][1] * factor, 3) for _, first, _ in seen],
        "n": [units for _, _, units in seen],
        "tone": "accent",
    }
    last = seen[-1][1]
    low, high = (bound * factor for bound in last["interval"])
    decided = "leaves out zero" if low > 0 or high < 0 else "still holds zero"
    return {
        "id": "sequence",
        "kind": "line",
        "first": "Looked at",
        "alt": f"After {len(seen)} looks the interval {decided}: [{signed(low)}, {signed(high)}] {unit}".strip(),
        "data": {
            "labels": [f"{at:%H:%M}" if one_day else f"{at:%-d %b %H:%M}" for at, _, _ in seen],
            "unit": unit,
            "series": [series],
            "points": len(seen) <= 12,
            "levels": [{"value": 0, "solid": True, "label": "no difference"}],
        },
    }
