"""A degradation as a signal: what drifted, from where to where, and since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from apps.evaluations.domain.registry import REGISTRY
from apps.insights.domain.carriers import Part
from apps.insights.domain.degradation import Chart
from apps.insights.domain.signals import Figures, Signal

# A level that brings less of a change than this does not carry it.
_CARRIES = 0.3


def carriers_of(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return the level of each dimension that carries a change most, as plain JSON, the largest share first.

    Left out where nothing is told apart (one level, or none named) and where no level brings a third or so.
    """
    levels = Counter(part.dimension for part in parts)
    largest: dict[str, Part] = {}
    for part in sorted(parts, key=lambda each: -each.share):
        if part.level and levels[part.dimension] > 1 and part.share >= _CARRIES:
            largest.setdefault(part.dimension, part)
    return [
        {
            "dimension": part.dimension, "level": part.level, "share": part.share, "n_before": part.n_before,
            "n_since": part.n_since, "change": part.change, "interval": list(part.interval) if part.interval else None,
        }
        for part in largest.values()
    ]  # fmt: skip


def tell_drift(metric: str, chart: Chart, carried_by: Sequence[Part] = ()) -> Signal:
    """Return the signal of a chart that is degraded. It rests on days, so ``n`` counts those watched."""
    assert chart.began is not None, "only a degraded chart has something to tell"
    assert chart.since is not None, "only a degraded chart has something to tell"
    assert chart.before is not None, "only a degraded chart has something to tell"
    assert chart.alarmed_on is not None, "only a degraded chart has something to tell"
    unit = REGISTRY[metric].unit
    written = [f"{value:.1%}" if unit == "fraction" else f"{value:.2f}" for value in (chart.before, chart.since)]
    return Signal(
        kind="degradation",
        key=metric,
        metric=metric,
        severity="high",
        title=f"{metric.replace('_', ' ').capitalize()} has drifted from {written[0]} to {written[1]} since "
        f"{chart.began.isoformat()}",
        figures=Figures(
            value=chart.since,
            unit=unit,
            n=chart.days,
            before=chart.before,
            detail={
                "began": chart.began.isoformat(),
                "alarmed_on": chart.alarmed_on.isoformat(),
                "alarmed_by": chart.alarmed_by,
                "n_counts": "days",
                "carried_by": carriers_of(carried_by),
            },
        ),
        rows=dict(REGISTRY[metric].rows) | {"since": chart.began.isoformat()},
    )
