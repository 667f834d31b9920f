"""Poor-quality patterns: how many conversations show each, how often, and whether it is more than before."""

from __future__ import annotations

from apps.evaluations.domain.intervals import newcombe, wilson
from apps.evaluations.domain.tally import Tally
from apps.insights.domain.signals import Figures, Severity, Signal, raised
from apps.platform.wording import counted

# Fewer conversations show nothing that repeats; fewer in all give no rate.
FEWEST, FEWEST_IN_ALL = 5, 30
# From these shares on (the interval's lower end) a pattern is of this severity.
_HIGH, _MEDIUM = 0.10, 0.02


def find_patterns(now: Tally, before: Tally | None) -> list[Signal]:
    """Return a signal for each poor-quality pattern that repeats, most frequent first."""
    if now.conversations < FEWEST_IN_ALL:
        return []
    counts = sorted(now.patterns.items(), key=lambda item: (-item[1], item[0]))
    return [_pattern(name, n, now, before) for name, n in counts if n >= FEWEST]


def _pattern(name: str, n: int, now: Tally, before: Tally | None) -> Signal:
    interval = wilson(n, now.conversations)
    assert interval is not None
    earlier, trend, change = None, "unknown", None
    if before is not None and before.conversations >= FEWEST_IN_ALL:
        earlier = before.patterns.get(name, 0) / before.conversations
        change = newcombe(n, now.conversations, before.patterns.get(name, 0), before.conversations)
        trend = _trend(change)
    severity: Severity = "high" if interval[0] >= _HIGH else "medium" if interval[0] >= _MEDIUM else "low"
    return Signal(
        kind="pattern",
        key=name,
        metric=name,
        severity=raised(severity, 1) if trend == "rising" else severity,
        title=f"{name.replace('_', ' ').capitalize()}: {counted(n, 'conversation')}",
        figures=Figures(
            value=n / now.conversations,
            unit="fraction",
            n=now.conversations,
            interval=interval,
            before=earlier,
            detail={
                "conversations": n,
                "turns": now.pattern_turns.get(name, n),
                "escalated": now.pattern_escalated.get(name, 0),
                "trend": trend,
                "change_interval": list(change) if change else None,
            },
        ),
        rows={"pattern": name},
    )


def _trend(change: tuple[float, float] | None) -> str:
    if change is None:
        return "unknown"
    if change[0] > 0:
        return "rising"
    return "falling" if change[1] < 0 else "steady"
