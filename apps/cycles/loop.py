"""One turn of the wheel.

    CAPTURE → ANALYZE → INSIGHTS → IMPROVE → DEPLOY → MEASURE → REPEAT

Each stage is called in order, once: what it changes and the record of what it did are one transaction. A stage may
wait for work that others do; the turn then stops, and goes on where it stood. A stage that fails is tried again by
itself; the stages before it are not repeated. REPEAT is the schedule: it starts the next turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from apps.cycles.stages import analyze, capture, deploy, improve, insights, measure
from apps.cycles.stages.values import Outcome, Turn

Stage = Callable[[Turn], Outcome]

WHEEL: Mapping[str, Stage] = {
    "capture": capture.run,
    "analyze": analyze.run,
    "insights": insights.run,
    "improve": improve.run,
    "deploy": deploy.run,
    "measure": measure.run,
}


def turn_wheel(perform: Callable[[str, Stage], bool]) -> bool:
    """Have every stage performed in its order, up to the first that waits; return whether the wheel has turned.

    ``perform`` returns whether a stage is done, now or from before.
    """
    return all(perform(name, stage) for name, stage in WHEEL.items())
