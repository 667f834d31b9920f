"""The wheel as home shows it: each stage's state, its last figure, what it waits for; and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from apps.cycles.models import Cycle
from apps.evaluations.web.periods import Period
from apps.experiments.models import Experiment
from apps.improvements.models import Improvement
from apps.insights.models import Insight
from apps.organizations.web.access import ADMINISTRATORS, WORKERS, Access, page_url

Stage = dict[str, Any]
_MOST_WAITS = 3


@dataclass(frozen=True)
class Turning:
    """What the wheel is drawn from.

    ``improvements`` and ``experiments`` are the open ones, newest first; ``insights`` those nobody has acknowledged,
    gravest first.
    """

    metrics: dict[str, Any]
    period: Period
    newest: Cycle | None
    insights: Sequence[Insight]
    improvements: Sequence[Improvement]
    experiments: Sequence[Experiment]


def show_wheel(turning: Turning, access: Access) -> dict[str, Any]:
    """Return what the turning wheel and its six notes show."""
    stages = [
        _capture(turning, access), _analyze(turning, access), _insights(turning, access), _improve(turning, access),
        _deploy(turning, access), _measure(turning, access),
    ]  # fmt: skip
    told = "; ".join(f"{stage['name']}: {stage['value']} {stage['what']}, {stage['next']}" for stage in stages)
    return {"hub": _hub(turning), "label": f"The wheel. {told}", "stages": stages}


def show_waits(turning: Turning, access: Access) -> list[dict[str, Any]]:
    """Return what waits for a person, at most three, for those who may act on it."""
    if not access.may(WORKERS):
        return []
    waits = [
        {
            "title": f"Promote the winner of “{each.name}”",
            "text": each.reason or each.needs,
            "action": {"label": "Look at the result", "url": reverse("experiment", args=[each.public_id])},
        }
        for each in turning.experiments
        if each.state == Experiment.State.AWAITING_APPROVAL
    ]
    waits += [
        {
            "title": f"Approve “{each.title}”",
            "text": each.why,
            "action": {"label": "Review the change", "url": reverse("improvement", args=[each.public_id])},
        }
        for each in turning.improvements
        if each.state == Improvement.State.PROPOSED
    ]
    if turning.newest is not None and turning.newest.status == Cycle.Status.FAILED:
        waits.insert(
            0,
            {
                "title": "A turn of the wheel stopped",
                "text": "A stage failed more often than it is tried again by itself.",
                "action": {"label": "See why", "url": reverse("cycle", args=[turning.newest.public_id])},
            },
        )
    return waits[:_MOST_WAITS]


def _hub(turning: Turning) -> list[str]:
    newest = turning.newest
    if newest is None:
        n = turning.metrics["conversations"]
        return ["Captured", f"{n:,}", "conversations", "no turn yet"]
    following = newest.next_at  # type: ignore[attr-defined]  # newest_cycle annotates it
    words = {Cycle.Status.RUNNING: "turning", Cycle.Status.FAILED: "stopped"}
    return [
        "Last turn", f"{newest.until:%-d %b}", words.get(Cycle.Status(newest.status), "finished"),
        f"next {following:%-d %b %H:%M}" if following else "none scheduled",
    ]  # fmt: skip


def _capture(turning: Turning, access: Access) -> Stage:
    metrics = turning.metrics
    return _stage(
        "Capture", "done", page_url("conversations", access, **turning.period.link), metrics["conversations"],
        "conversations", f"{metrics['messages']:,} messages",
    )  # fmt: skip


def _analyze(turning: Turning, access: Access) -> Stage:
    pending, security = turning.metrics["pending_conversations"], turning.metrics["security"]
    verdict = ("live", f"{pending:,} pending") if pending else ("good", "up to date")
    return _stage(
        "Analyze", "now" if pending else "done", page_url("security", access), security["attacks_detected"],
        "attacks found", f"{security['attacks_succeeded']:,} succeeded, {security['attacks_unclear']:,} unclear",
        verdict,
    )  # fmt: skip


def _insights(turning: Turning, access: Access) -> Stage:
    newest = turning.newest
    if newest is None:
        following = "a cycle looks for them; none has turned"
        if access.may(ADMINISTRATORS):
            following = "save a configuration, and cycles look for them"
        return _stage("Insights", "", page_url("cycles", access), None, "", following)
    grave = sum(each.severity in ("high", "critical") for each in turning.insights)
    verdict = ("wait", f"{grave:,} high or critical") if grave else None
    following = f"“{turning.insights[0].statement}”" if turning.insights else "nothing new since somebody looked"
    words = {Cycle.Status.RUNNING: "now", Cycle.Status.FAILED: "wait"}
    state = words.get(Cycle.Status(newest.status), "wait" if grave else "done")
    return _stage(
        "Insights", state, page_url("insights", access), len(turning.insights), "open", following, verdict
    )  # fmt: skip


def _improve(turning: Turning, access: Access) -> Stage:
    proposed = [each for each in turning.improvements if each.state == Improvement.State.PROPOSED]
    approved = sum(each.state == Improvement.State.APPROVED for each in turning.improvements)
    verdict = ("wait", "waits for a person") if proposed else None
    following = f"“{proposed[0].title}”" if proposed else "nothing waits for approval"
    if approved:
        following += f"; {approved} approved, not started"
    word = "proposal" if len(proposed) == 1 else "proposals"
    state = "wait" if proposed else "done" if turning.improvements or turning.newest else ""
    return _stage("Improve", state, page_url("improvements", access), len(proposed), f"{word} open", following, verdict)


def _deploy(turning: Turning, access: Access) -> Stage:
    running = [each for each in turning.experiments if each.state == Experiment.State.RUNNING]
    held = [each for each in turning.experiments if each.state in (Experiment.State.PAUSED, Experiment.State.INVALID)]
    verdict = ("live", "running") if running else ("wait", "held") if held else None
    following = running[0].name if running else held[0].name if held else "nothing is being tried"
    state = "now" if running else "wait" if held else "done" if turning.newest else ""
    return _stage("Deploy", state, page_url("experiments", access), len(running), "running", following, verdict)


def _measure(turning: Turning, access: Access) -> Stage:
    needing = next((each for each in turning.experiments if each.needs), None)
    awaiting = [each for each in turning.experiments if each.state == Experiment.State.AWAITING_APPROVAL]
    if awaiting:
        verdict, following, state = ("wait", "waits for a person"), f"{awaiting[0].name}: a winner", "wait"
    elif needing is not None:
        verdict, following, state = ("todo", "collecting"), f"{needing.name} needs {needing.needs}", "now"
    else:
        verdict, following = None, "no verdict is open"
        state = "done" if turning.newest else ""
    quality = turning.metrics["quality"]
    score = None if quality["avg_score"] is None else f"{quality['avg_score']:.1f}"
    what = "quality of 10" if score is not None else ""
    return _stage("Measure", state, page_url("cycles", access), score, what, following, verdict)


def _stage(
    name: str, state: str, url: str, value: Any, what: str, following: str, verdict: tuple[str, str] | None = None
) -> Stage:
    return {
        "name": name, "state": state, "url": url, "value": value, "what": what, "next": following,
        "verdict": {"kind": verdict[0], "text": verdict[1]} if verdict else None,
    }  # fmt: skip
