"""Reads of improvements. Call inside tenant(...)."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.experiments.selectors.experiments import decisions_of
from apps.improvements.models import Approval, Improvement
from apps.library.domain.backtesting import read_tally
from apps.library.domain.guardrails import difference, read_guardrail
from apps.library.domain.prompts import diff
from apps.library.models import Backtest, Prompt, PromptVersion
from apps.library.selectors.guardrails import newest_backtest


def find_improvement(public_id: str) -> Improvement | None:
    """Return the improvement of this id, with what it is about."""
    return _with_subjects().filter(public_id=public_id).first()


def list_improvements(
    *, before: int | None, limit: int, application_id: int | None = None, state: str = ""
) -> list[Improvement]:
    """Return a page, newest first."""
    rows = _with_subjects()
    if application_id is not None:
        rows = rows.filter(application_id=application_id)
    if state:
        rows = rows.filter(state=state)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def list_open_improvements(application_id: int | None) -> list[Improvement]:
    """Return what is proposed, approved or running, newest first."""
    rows = Improvement.objects.filter(state__in=Improvement.OPEN)
    if application_id is not None:
        rows = rows.filter(application_id=application_id)
    return list(rows.order_by("-id")[:100])


def _with_subjects() -> QuerySet[Improvement]:
    return Improvement.objects.select_related(
        "application", "prompt", "experiment", "insight", "guardrail", "guardrail_before"
    )


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
