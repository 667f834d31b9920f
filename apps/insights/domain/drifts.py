"""A degradation as a signal: what drifted, from where to where, and since when."""

from __future__ import annotations

from apps.evaluations.domain.registry import REGISTRY
from apps.insights.domain.degradation import Chart
from apps.insights.domain.signals import Figures, Signal


def tell_drift(metric: str, chart: Chart) -> Signal:
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
            },
        ),
        rows=dict(REGISTRY[metric].rows) | {"since": chart.began.isoformat()},
    )
