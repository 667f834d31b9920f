"""Reads of improvements. Call inside tenant(...)."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.experiments.selectors.experiments import decisions_of
from apps.improvements.models import Approval, Improvement, ProbeAnswer, ProbeRun
from apps.library.domain.backtesting import read_tally
from apps.library.domain.guardrails import difference, read_guardrail
from apps.library.domain.prompts import diff
from apps.library.models import Backtest, Prompt, PromptVersion
from apps.library.selectors.guardrails import newest_backtest
from apps.organizations.selectors import model_for

NO_MODEL = "no model is set for probes: a prompt can only be tried by sending it to the application's own"


def find_improvement(public_id: str) -> Improvement | None:
    """Return the improvement of this id, with what it is about."""
    return with_subjects(Improvement.objects.filter(public_id=public_id)).first()


def list_open_improvements(application_id: int | None) -> list[Improvement]:
    """Return what is proposed, approved or running, newest first."""
    rows = Improvement.objects.filter(state__in=Improvement.OPEN)
    if application_id is not None:
        rows = rows.filter(application_id=application_id)
    return list(rows.order_by("-id")[:100])


def with_subjects(rows: QuerySet[Improvement]) -> QuerySet[Improvement]:
    """Return improvements read with what they are about."""
    return rows.select_related("application", "prompt", "experiment", "insight", "guardrail", "guardrail_before")


def backtest_of(improvement: Improvement) -> Backtest | None:
    """Return the newest backtest of what it enforces; None where it enforces nothing."""
    if improvement.guardrail is None:
        return None
    return newest_backtest(improvement.guardrail, improvement.application)


def guardrail_diff_of(improvement: Improvement) -> list[tuple[str, str]]:
    """Return what the change does to what is in force, as lines of a difference."""
    if improvement.guardrail is None:
        return []
    before = improvement.guardrail_before
    return difference(read_guardrail(before.content) if before else None, read_guardrail(improvement.guardrail.content))


def approvals_of(improvement: Improvement) -> list[Approval]:
    """Return who approved it, first first."""
    return list(Approval.objects.filter(improvement=improvement).order_by("id")[:20])


def diff_of(improvement: Improvement) -> list[tuple[str, str]]:
    """Return what the change does to the prompt, as lines of a unified difference."""
    if improvement.version == improvement.base_version:
        return []
    contents = dict(
        PromptVersion.objects.filter(
            prompt_id=improvement.prompt_id, number__in=[improvement.base_version, improvement.version]
        ).values_list("number", "content")
    )
    return diff(contents[improvement.base_version], contents[improvement.version])


def newest_probes(improvement: Improvement) -> ProbeRun | None:
    """Return the last run of probes, whatever became of it."""
    return ProbeRun.objects.filter(improvement=improvement).order_by("-id").first()


def probes_of(improvement: Improvement, run: ProbeRun | None) -> dict[str, Any]:
    """Return what a run of probes shows, the newest of this change. Without a model there is no number."""
    if run is None:
        if model_for(improvement.application, "probes") is None:
            return {"status": "not replayable", "why": NO_MODEL}
        return {"status": "not asked", "why": "nobody has asked for probes of this change"}
    answered = ProbeAnswer.objects.filter(run=run).exclude(outcome="").count() if run.summary is None else None
    return {
        "status": run.state, "run": run.public_id, "why": run.reason, "model": run.model, "asked_by": run.asked_by,
        "asked_at": run.asked_at, "ended_at": run.ended_at, "versions": [run.old_version, run.new_version],
        # Of other versions than the ones proposed now: somebody has moved the label since.
        "stale": (run.old_version, run.new_version) != (improvement.base_version, improvement.version),
        "calls": run.calls, "tokens": run.tokens,
        **(run.summary or {"answered": answered}),
    }  # fmt: skip


def turned_probes(run: ProbeRun, *, limit: int = 20) -> list[dict[str, str]]:
    """Return probes whose outcome differs between the versions, those that got worse first; held-out ones never."""
    sides: dict[str, dict[str, ProbeAnswer]] = {}
    rows = ProbeAnswer.objects.filter(run=run).exclude(outcome="").exclude(source="held_out").order_by("number")
    for row in rows[:1_000]:
        sides.setdefault(row.probe, {})[row.arm] = row
    turned = [each for each in sides.values() if len(each) == 2 and each["old"].outcome != each["new"].outcome]
    turned.sort(key=lambda each: (each["new"].outcome == "blocked") == (each["new"].group == "attack"))
    return [
        {
            "text": each["new"].text, "group": each["new"].group, "old": each["old"].outcome,
            "new": each["new"].outcome, "reply": each["new"].reply,
        }
        for each in turned[:limit]
    ]  # fmt: skip


def lineage_of(improvement: Improvement) -> list[dict[str, Any]]:
    """Return the improvement's life, first first: found, proposed, approved, started, decided."""
    insight = improvement.insight
    told: list[dict[str, Any]] = [
        {
            "step": "found", "at": insight.opened_at if insight else improvement.proposed_at,
            "by": insight.public_id if insight else improvement.cycle_id or improvement.proposed_by,
            "what": improvement.why,
        },
        {
            "step": "proposed", "at": improvement.proposed_at, "by": improvement.proposed_by,
            "what": _what(improvement),
        },
    ]  # fmt: skip
    backtest = backtest_of(improvement)
    if backtest is not None and backtest.finished_at is not None:
        told.append(
            {
                "step": "backtested", "at": backtest.created_at, "by": backtest.asked_by,
                "what": f"{backtest.public_id}: {read_tally(backtest.tally).in_words()}",
            }
        )  # fmt: skip
    told += [
        {"step": "approved", "at": each.at, "by": each.person, "what": each.reason}
        for each in approvals_of(improvement)
    ]
    told += [
        {"step": "probed", "at": run.ended_at or run.asked_at, "by": run.asked_by, "what": told_of(run)}
        for run in ProbeRun.objects.filter(improvement=improvement).order_by("id")[:20]
    ]
    told.sort(key=lambda each: each["at"])
    if improvement.experiment is not None:
        told += [
            {"step": each.action, "at": each.at, "by": each.actor, "what": each.reason or each.rule}
            for each in reversed(decisions_of(improvement.experiment))
        ]
    if improvement.ended_at is not None:
        told.append(
            {"step": improvement.state, "at": improvement.ended_at, "by": "flywheel", "what": improvement.reason}
        )
    return told


def answers_to(insight_id: int) -> list[Improvement]:
    """Return what was proposed against an insight, newest first."""
    rows = Improvement.objects.select_related("application", "prompt", "experiment").filter(insight_id=insight_id)
    return list(rows.order_by("-id")[:50])


def told_of(run: ProbeRun) -> str:
    """Return a run of probes in one line: pairs, shares, difference with its interval."""
    if run.summary is None:
        return f"{run.calls} calls to {run.model} under way"
    found = run.summary["attacks"]
    if found["difference"] is None:
        return f"no pair was decided: {run.reason or 'every reply was unclear'}"
    low, high = (f"{100 * bound:+.0f}" for bound in found["interval"])
    told = (
        f"probes ({found['pairs']} pairs): {100 * found['old']:.0f} % → {100 * found['new']:.0f} % blocked, "
        f"{100 * found['difference']:+.0f} [{low}, {high}]"
    )
    return f"{told}; ended early: {run.reason}" if run.reason else told


def _what(improvement: Improvement) -> str:
    changes = []
    if improvement.version != improvement.base_version:
        changes.append(f"{improvement.prompt.name} version {improvement.version} on version {improvement.base_version}")
    if improvement.guardrail is not None:
        changes.append(f"guardrail {improvement.guardrail}")
    return " and ".join(changes)


def prompt_for(topic: str) -> Prompt | None:
    """Return the prompt that a bundle of this topic changes: the tagged one, else the first that is not tagged.

    A prompt tagged ``offers`` takes changes to offers; where no prompt is, the first one takes them.
    """
    rows = Prompt.objects.filter(labels__label="production", labels__ended_at=None).order_by("id").distinct()
    tagged = rows.filter(tags__contains=[topic]) if topic else rows.exclude(tags__contains=["offers"])
    return tagged.first() or rows.first()
