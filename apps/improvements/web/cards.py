"""Improvements as lists and the board show them: what was found, what was tried, what it did, who must act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from apps.experiments.models import Experiment
from apps.experiments.selectors.experiments import last_seen
from apps.experiments.web.experiments import written_change, written_interval
from apps.improvements.models import Improvement, ProbeRun
from apps.improvements.selectors import told_of
from apps.improvements.selectors.board import newest_backtests, newest_runs
from apps.improvements.services.harm import WATCHED_FOR
from apps.library.domain.backtesting import read_tally
from apps.library.models import Backtest
from apps.organizations.web.access import Access
from apps.platform.templatetags.figures import duration, number, when
from apps.platform.wording import counted

State = Improvement.State
_MINUTE = 60
_WHO = "an owner, administrator or analyst"


@dataclass(frozen=True)
class _Beside:
    """What stands beside an improvement in other rows."""

    backtest: Backtest | None
    run: ProbeRun | None
    seen: dict[str, Any]


def row(found: Improvement) -> dict[str, Any]:
    """Return an improvement as every page shows it."""
    return {
        "id": found.public_id,
        "url": reverse("improvement", args=[found.public_id]),
        "title": found.title,
        "key": found.key,
        "application": found.application.name,
        "prompt": found.prompt.name,
        "change": _change(found),
        "state": found.state,
        "proposed_at": found.proposed_at,
    }


def cards(improvements: Sequence[Improvement], access: Access) -> list[dict[str, Any]]:
    """Return them as the board shows them; three queries however many they are."""
    backtests, runs = newest_backtests(improvements), newest_runs(improvements)
    seen = last_seen([each.experiment for each in improvements if each.experiment and each.state == State.RUNNING])
    return [
        _card(
            each, _Beside(backtests.get(each.id), runs.get(each.id), seen.get(each.experiment_id or 0, {})), access.now
        )
        for each in improvements
    ]


def _card(found: Improvement, beside: _Beside, now: datetime) -> dict[str, Any]:
    insight = next(iter(found.finding.get("insights", ())), None)
    return row(found) | {
        "severity": insight["severity"] if insight else "",
        "finding": insight["title"] if insight else found.why,
        "evidence": _evidence(found, insight),
        "tried": _tried(found, beside),
        "effect": _effect(found, beside.seen),
        "act": _act(found, now),
        "age": _age(found, now),
    }


def _evidence(found: Improvement, insight: dict[str, Any] | None) -> str:
    sessions = len(found.finding.get("evidence", ()))
    told = [f"{counted(sessions, 'conversation')} as evidence"] if sessions else []
    return ", ".join(told + ([f"n {number(insight['n'])}"] if insight and insight.get("n") else []))


def _tried(found: Improvement, beside: _Beside) -> list[str]:
    """Return what it would have done, a line an attempt: on captured conversations, on the application's model."""
    told = []
    if beside.backtest is not None:
        told.append(f"Backtest: {_backtest_in_words(beside.backtest)}")
    elif found.guardrail is not None:
        told.append("Backtest: not tried on captured conversations yet")
    if beside.run is not None:
        words = told_of(beside.run)
        told.append(words[:1].upper() + words[1:])
    return told


def _backtest_in_words(backtest: Backtest) -> str:
    if backtest.status == Backtest.Status.FAILED:
        return "could not be finished; nothing may be concluded from it"
    words = read_tally(backtest.tally).in_words()
    return words if backtest.status == Backtest.Status.FINISHED else f"under way: {words} so far"


def _effect(found: Improvement, seen: dict[str, Any]) -> dict[str, Any] | None:
    """Return what it did: at the verdict, or, while it runs, as the last tick saw it."""
    figures = found.outcome or seen
    first = next((each for each in figures.get("comparisons", ()) if each["difference"] is not None), None)
    metric = figures.get("metric") or found.judged_by.get("metric") or ""
    told = {"metric": metric.replace("_", " "), "so_far": found.outcome is None}
    if first is None:
        return told | {"difference": ""} if metric and found.state in Improvement.OPEN else None
    units = figures.get("units") or sum(arm["units"] for arm in figures.get("variants", ()))
    return told | {
        "difference": written_change(first["difference"], metric),
        "interval": written_interval(first["interval"], metric),
        "units": units,
    }


def _act(found: Improvement, now: datetime) -> dict[str, Any]:
    """Return who must act next: {"person": what a person is to do, "" where none is, "words"}; no words once over."""
    experiment = found.experiment
    if found.state == State.PROPOSED and found.policy == Improvement.Policy.MANUAL_REVIEW:
        # One of two people has approved: the reason names them.
        return {"person": "to approve", "words": found.reason or f"{_WHO}: approve it or reject it"}
    if found.state == State.PROPOSED:
        return {"person": "", "words": found.reason or "nobody; the wheel starts it at its next turn"}
    if found.state == State.APPROVED:
        return {"person": "", "words": "nobody; the wheel starts it at its next turn; by hand it starts now"}
    if found.state == State.RUNNING and experiment is not None:
        return _act_on(experiment)
    if found.state == State.DEPLOYED and found.started_at and now < found.started_at + WATCHED_FOR:
        until = when((found.started_at + WATCHED_FOR).date())
        return {"person": "", "words": f"nobody; taken back by itself if it harms, until {until}"}
    return {"person": "", "words": ""}


def _act_on(experiment: Experiment) -> dict[str, Any]:
    if experiment.state == Experiment.State.AWAITING_APPROVAL:
        return {"person": "to promote", "words": f"{_WHO}: promote the winner or roll it back"}
    if experiment.state in (Experiment.State.PAUSED, Experiment.State.INVALID):
        return {"person": "held", "words": f"{_WHO}: {experiment.reason or 'it is held'}"}
    return {"person": "", "words": f"nobody; {f'it needs {experiment.needs}' if experiment.needs else 'it runs on'}"}


def _age(found: Improvement, now: datetime) -> str:
    since, word = {
        State.PROPOSED: (found.proposed_at, "proposed"),
        State.APPROVED: (found.proposed_at, "proposed"),
        State.RUNNING: (found.started_at, "started"),
    }.get(State(found.state), (found.ended_at, "decided"))
    since = since or found.proposed_at
    seconds = (now - since).total_seconds()
    return f"{word} {duration(seconds)} ago" if seconds >= _MINUTE else f"{word} just now"


def _change(found: Improvement) -> str:
    changes = [f"version {found.base_version} → {found.version}"] if found.version != found.base_version else []
    return " and ".join(changes + ([f"guardrail {found.guardrail}"] if found.guardrail else []))
