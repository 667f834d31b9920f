"""INSIGHTS: what the period says (thresholds, patterns, trends, drivers, odd days, drift) becomes, or ends, a story."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from apps.cycles.stages.values import Did, Outcome, Turn
from apps.insights.domain.evidence import Found
from apps.insights.domain.signals import SEVERITIES, Period
from apps.insights.models import Insight
from apps.insights.services.stories import Recorded, record_look

if TYPE_CHECKING:
    from apps.insights.selectors.looking import Degradation

# Conversations named with each finding; its rows list them all.
_NAMED = 5


def run(turn: Turn) -> Outcome:
    """Look at the period once, and record every finding with its figures and some of its evidence."""
    # Here, because it brings numpy: workers look, and the web process that knows the wheel stays light.
    from apps.insights.selectors.looking import look

    period = Period(turn.since, turn.until)
    seen = look(
        application_id=turn.application.id, period=period, thresholds=turn.configuration.insights.thresholds
    )  # fmt: skip
    recorded = record_look(application=turn.application, period=period, look=seen, at=turn.at, cycle_id=turn.cycle_id)
    ordered = sorted(
        zip(seen.found, recorded.seen, strict=True), key=lambda pair: -SEVERITIES.index(pair[0].signal.severity)
    )
    return Did(
        _told(seen.found, recorded),
        {
            "findings": [_finding(found, insight) for found, insight in ordered],
            "opened": [each.public_id for each in recorded.opened],
            "resolved": [each.public_id for each in recorded.resolved],
            "degradation": {each.metric: _chart(each) for each in seen.degradations},
        },
        tuple(each.signal.title for each in seen.found if each.signal.kind in ("anomaly", "degradation")),
    )


def _told(found: tuple[Found, ...], recorded: Recorded) -> str:
    counts = Counter(each.signal.severity for each in found)
    if not counts:
        told = "nothing beyond its threshold, out of pattern or on the move"
    else:
        told = ", ".join(f"{counts[severity]} {severity}" for severity in reversed(SEVERITIES) if counts[severity])
        told += f"; {len(recorded.opened)} new"
    return told + (f"; {len(recorded.resolved)} resolved" if recorded.resolved else "")


def _finding(found: Found, insight: Insight) -> dict[str, Any]:
    signal, figures = found.signal, found.signal.figures
    return {
        "insight": insight.public_id,
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
