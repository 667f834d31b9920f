"""ANALYZE: all of the period's conversations are known by today's rules, as an evaluation run that people can follow.

Most were analyzed as they came, by the same rules: those are passed over.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from apps.cycles.stages.values import Did, Outcome, Turn, Waits
from apps.evaluations.models import EvaluationRun
from apps.evaluations.selectors.runs import find_run
from apps.evaluations.services.runs import LIVE, start_run
from apps.platform.wording import counted

# Into how many runs a period is cut where several workers may share it.
_PARTS = 4


def run(turn: Turn) -> Outcome:
    """Ask for the runs, wait for them, and say what they found."""
    asked = turn.notes.get("runs")
    if asked is None:
        ids = [_start(turn, since, until) for since, until in _parts(turn)]
        return Waits("the evaluation run to begin", {"runs": ids})
    runs = [found for run_id in asked if (found := find_run(run_id)) is not None]
    if live := [found for found in runs if found.status in LIVE]:
        done, total = sum(found.done + found.failed for found in runs), sum(found.total for found in runs)
        return Waits(f"{len(live)} of {len(runs)} evaluation runs: {done:,} of {total:,} conversations", turn.notes)
    return _told(turn, runs)


def _parts(turn: Turn) -> list[tuple[datetime, datetime]]:
    parts = _PARTS if turn.configuration.analyze.parallel else 1
    length = (turn.until - turn.since) / parts
    bounds = [turn.since + length * number for number in range(parts)] + [turn.until]
    return list(pairwise(bounds))


def _start(turn: Turn, since: datetime, until: datetime) -> str:
    analyze = turn.configuration.analyze
    return start_run(
        organization=turn.organization,
        application=turn.application,
        at=turn.at,
        asked_by=f"cycle {turn.cycle_id}",
        analyzers=analyze.evaluations,
        since=since,
        until=until,
        sample=analyze.sample,
        only_outdated=True,
    ).public_id


def _told(turn: Turn, runs: list[EvaluationRun]) -> Did:
    summed: dict[str, int] = {}
    for found in runs:
        for name, count in (found.summary or {}).items():
            summed[name] = summed.get(name, 0) + count
    unexpected = []
    if failed := sum(found.failed for found in runs):
        unexpected.append(f"{counted(failed, 'conversation')} could not be analyzed; each is parked with its reason")
    if cancelled := sum(found.status == EvaluationRun.Status.CANCELLED for found in runs):
        unexpected.append(f"{cancelled} of {len(runs)} evaluation runs were cancelled by a person")
    seen = summed.get("conversations", 0)
    text = f"{counted(seen, 'conversation')} by {', '.join(turn.configuration.analyze.evaluations)}"
    if current := summed.get("current", 0):
        text += f"; {'all' if current == seen else f'{current:,}'} known by today's rules since capture"
    return Did(text, {**summed, "runs": [found.public_id for found in runs]}, tuple(unexpected))
