"""INSIGHTS: what the period says: thresholds crossed, patterns, trends, what goes with success, odd days, drift."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from apps.cycles.stages.values import Did, Outcome, Turn
from apps.insights.domain.signals import SEVERITIES, Period

if TYPE_CHECKING:
    from apps.insights.selectors import Degradation, Found

# Conversations named with each finding; its rows list them all.
_NAMED = 5


def run(turn: Turn) -> Outcome:
    """Look at the period once, and record every finding with its figures and some of its evidence."""
    # Here, because it brings numpy: workers look, and the web process that knows the wheel stays light.
    from apps.insights.selectors import look

    seen = look(
        application_id=turn.application.id,
        period=Period(turn.since, turn.until),
        thresholds=turn.configuration.insights.thresholds,
    )
    degraded = [each for each in seen.degradations if each.chart.status == "degraded"]
    unexpected = [each.signal.title for each in seen.found if each.signal.kind == "anomaly"]
    unexpected += [f"{each.metric.replace('_', ' ')} has drifted since {each.chart.began}" for each in degraded]
    ordered = sorted(seen.found, key=lambda each: -SEVERITIES.index(each.signal.severity))
    return Did(
        _told(seen.found),
        {
            "findings": [_finding(each) for each in ordered],
            "degradation": {each.metric: _chart(each) for each in seen.degradations},
        },
        tuple(unexpected),
    )


def _told(found: tuple[Found, ...]) -> str:
    counts = Counter(each.signal.severity for each in found)
    if not counts:
        return "nothing beyond its threshold, out of pattern or on the move"
    return ", ".join(f"{counts[severity]} {severity}" for severity in reversed(SEVERITIES) if counts[severity])


def _finding(found: Found) -> dict[str, Any]:
    signal, figures = found.signal, found.signal.figures
    return {
        "kind": signal.kind,
        "key": signal.key,
        "metric": signal.metric,
        "severity": signal.severity,
        "title": signal.title,
        "value": figures.value,
        "unit": figures.unit,
        "n": figures.n,
        "interval": figures.interval,
        "limit": figures.limit,
        "before": figures.before,
        "rows": dict(signal.rows),
        "evidence": [candidate.session_id for candidate in found.evidence[:_NAMED]],
    }


def _chart(found: Degradation) -> dict[str, Any]:
    began = found.chart.began
    return {
        "status": found.chart.status,
        "days_of_history": found.chart.days,
        "began": began.isoformat() if began else None,
        "carried_by": [
            {"dimension": part.dimension, "level": part.level, "share": part.share}
            for part in found.carried_by[:_NAMED]
        ],
    }
