"""Proposals: from fired triggers, by the playbook, or by a person's hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from apps.improvements.domain.checks import Check
from apps.improvements.domain.drafting import Draft
from apps.improvements.domain.playbook import Bundle, Playbook, add_sections, add_text, missing_sections, playbook
from apps.improvements.domain.triggers import Asked, Showing, Trigger, ask_playbook, fired, policy_of, say_values
from apps.improvements.models import Improvement
from apps.improvements.selectors import prompt_for
from apps.improvements.services.asking import insights_of_triggers, speaking_of
from apps.improvements.services.probing import NotReplayable, ask_for_probes
from apps.insights.models import Insight
from apps.insights.selectors.insights import evidence_by_insight
from apps.library import selectors as library
from apps.library.domain.guardrails import as_document
from apps.library.models import Guardrail, Prompt, PromptVersion
from apps.library.selectors import guardrails as guards
from apps.library.services.backtesting import ask_backtest
from apps.library.services.guardrails import add_guardrail_version
from apps.library.services.prompts import add_version
from apps.organizations.models import Application
from apps.organizations.services import record_audit
from apps.platform import outbox
from apps.platform.identifiers import new_identifier

WHEEL = "flywheel"
NO_PROMPT = "no prompt of the library carries the label production"
_MOST_EVIDENCE = 50


class Moved(Exception):
    """What the change was written on is no longer what is served."""


@dataclass(frozen=True)
class Proposals:
    """What the triggers led to. ``passed_over`` says why a bundle that was asked for was not proposed."""

    fired: tuple[str, ...]
    made: tuple[Improvement, ...]
    passed_over: tuple[str, ...]


@dataclass(frozen=True)
class Rules:
    """What a configuration says of improving."""

    triggers: Sequence[Trigger]
    auto_fix: Sequence[str] = ()
    manual_review: Sequence[str] = ()
    cooldown_days: int = 7
    first_percent: float = 10.0
    staging: bool = False
    criteria: Sequence[str] = ()
    checks: Sequence[Check] = ()


def propose(
    *,
    application: Application,
    rules: Rules,
    showing: Showing,
    at: datetime,
    cycle_id: str = "",
) -> Proposals:
    """Propose what the playbook has for every trigger that fires. Call inside tenant(...).

    Each proposal answers an insight: the one that tells of what the trigger asks about, or the trigger's own. One open
    proposal a pattern, none again within the cooldown after the last one ended, and never the same answer to the same
    insight twice.
    """
    firing = fired(rules.triggers, showing.values)
    insights = insights_of_triggers(
        application=application, triggers=rules.triggers, firing=firing, showing=showing, at=at, cycle_id=cycle_id
    )
    made, passed_over = [], []
    for asked in ask_playbook(firing, playbook()):
        about = speaking_of(asked, insights)
        prompt = prompt_for(asked.bundle.topic)
        if prompt is None:
            refusal: str | None = NO_PROMPT
        else:
            refusal = _refusal(application, asked.bundle.key, rules.cooldown_days, at) or _answered(
                about[0], asked.bundle.key, prompt
            )
        if refusal is not None or prompt is None:
            passed_over.append(f"{asked.bundle.key}: {refusal}")
            continue
        found = _draft(application, prompt, asked, rules, showing.values, about, at, cycle_id)
        if isinstance(found, str):
            passed_over.append(f"{asked.bundle.key}: {found}")
        else:
            made.append(found)
    return Proposals(tuple(trigger.text for trigger in firing), tuple(made), tuple(passed_over))


def propose_by_hand(
    *,
    application: Application,
    version: PromptVersion,
    title: str,
    why: str,
    metric: str,
    at: datetime,
    actor: str,
    guardrails: Sequence[str] = (),
    first_percent: float = 50.0,
    insight: Insight | None = None,
) -> Improvement:
    """Propose a version that a person wrote. Call inside tenant(...). Raises ValueError where there is none to."""
    standing = library.labelled_version(version.prompt, "production")
    if standing is None:
        raise ValueError(
            f"no version of {version.prompt.name} carries the label production: there is nothing to improve on"
        )
    if standing.number == version.number:
        raise ValueError(f"version {version.number} is in production already")
    judged_by = {"metric": metric, "guardrails": list(guardrails), "first_percent": first_percent}
    made = _write(
        application=application, prompt=version.prompt, key=f"{version.prompt.name}@{version.number}", title=title,
        why=why, base_version=standing.number, version=version.number, judged_by=judged_by, at=at, proposed_by=actor,
        insight=insight, finding=_finding(None, {}, [insight]) if insight is not None else {},
    )  # fmt: skip
    if made is None:
        raise ValueError(f"version {version.number} is proposed already")
    return made


def propose_draft(*, source: Improvement, draft: Draft, model: str, at: datetime) -> Improvement | None:
    """Propose what a model drafted for the same finding; None where such a draft is open. Call inside tenant(...).

    It waits for a person whatever ``auto_fix`` says: what a model read was written by strangers.
    """
    standing = library.labelled_version(source.prompt, source.label)
    assert standing is not None, "a draft is only asked for where something is in production"
    author = f"drafted by a model ({model})"[:254]
    version, _ = add_version(
        prompt=source.prompt, content=add_text(standing.content, draft.addition), parent=standing.number,
        note=f"drafted by a model for {source.public_id}", at=at, actor=author,
    )  # fmt: skip
    return _write(
        application=source.application, prompt=source.prompt, key=f"{source.key[:90]}-draft",
        title=f"{source.title[:170]}, drafted by a model", why=draft.why, finding=source.finding, path=source.path,
        policy=Improvement.Policy.MANUAL_REVIEW, label=source.label, base_version=standing.number,
        version=version.number, judged_by=source.judged_by, insight=source.insight, at=at, proposed_by=author,
    )  # fmt: skip


def rebase(improvement: Improvement, *, at: datetime) -> None:
    """Write the change anew on what the label names now, where that has moved since it was proposed.

    Raises Moved for a version that a person wrote: only they know what it should say now.
    """
    standing = library.labelled_version(improvement.prompt, improvement.label)
    if standing is None or standing.number == improvement.base_version:
        return
    if not improvement.sections and improvement.guardrail is not None:
        improvement.base_version = improvement.version = standing.number
        return
    if not improvement.sections:
        raise Moved(f"{improvement.label} has moved to version {standing.number} since; write the change on that one.")
    version, _ = add_version(
        prompt=improvement.prompt, content=add_sections(standing.content, improvement.sections, playbook()),
        parent=standing.number, note=improvement.title, at=at, actor=WHEEL,
    )  # fmt: skip
    improvement.base_version, improvement.version = standing.number, version.number


def _draft(
    application: Application,
    prompt: Prompt,
    asked: Asked,
    rules: Rules,
    values: Mapping[str, float | None],
    about: Sequence[Insight],
    at: datetime,
    cycle_id: str,
) -> Improvement | str:
    bundle, book = asked.bundle, playbook()
    standing = library.labelled_version(prompt, "production")
    assert standing is not None, "prompt_for returns prompts with this label"
    if missing_sections(standing.content, bundle.once_said, book):
        return f"{prompt.name} does not ask for it yet"
    missing = missing_sections(standing.content, bundle.sections, book)
    guardrail = _guardrail(application, bundle, book, at)
    if not missing and guardrail is None:
        return f"{prompt.name} says it already"
    version = standing
    if missing:
        version, _ = add_version(
            prompt=prompt, content=add_sections(standing.content, missing, book), parent=standing.number,
            note=bundle.title, at=at, actor=WHEEL,
        )  # fmt: skip
    made = _write(
        application=application, prompt=prompt, key=bundle.key, title=bundle.title, why=_why(asked, values),
        insight=about[0], finding=_finding(asked, values, about), expect=bundle.expect, sections=missing,
        path=bundle.path,
        policy=policy_of(asked, auto_fix=rules.auto_fix, manual_review=rules.manual_review, values=values),
        base_version=standing.number, version=version.number, judged_by=_judged_by(bundle, rules), at=at,
        guardrail=guardrail, proposed_by=WHEEL, cycle_id=cycle_id,
    )  # fmt: skip
    if made is not None and made.path == "security":
        # Where there is a model; without one a person decides with "not replayable" before their eyes.
        with suppress(NotReplayable):
            ask_for_probes(improvement=made, at=at, actor=WHEEL)
    if made is not None and guardrail is not None:
        ask_backtest(guardrail=guardrail, application=application, at=at, asked_by=WHEEL)
    return made or "a proposal is open"


def _guardrail(application: Application, bundle: Bundle, book: Playbook, at: datetime) -> Guardrail | None:
    """Return the guardrail a bundle puts in force; None where it has none, or one of its name is: people may have
    changed that one, and theirs stays."""
    content = book.guardrail(bundle)
    if content is None or any(guards.standing_activation(bundle.key, scope) for scope in (application, None)):
        return None
    version, _ = add_guardrail_version(
        organization_id=application.organization_id, name=bundle.key, content=as_document(content), at=at, actor=WHEEL,
        note=bundle.title,
    )  # fmt: skip
    return version


def _write(*, application: Application, at: datetime, proposed_by: str, **values: Any) -> Improvement | None:
    """Write a proposal and its audit row; None where one is open for the same pattern."""
    try:
        with transaction.atomic():
            made: Improvement = Improvement.objects.create(
                organization_id=application.organization_id, public_id=new_identifier("i"), application=application,
                proposed_at=at, proposed_by=proposed_by, **values,
            )  # fmt: skip
    except IntegrityError:
        return None
    record_audit(
        organization_id=application.organization_id, at=at, actor=proposed_by, action="improvement.proposed",
        subject=made.public_id, application=application.slug, key=made.key,
    )  # fmt: skip
    outbox.emit(
        "improvement.proposed", key=made.public_id, at=at, summary=f"Proposed: {made.title}. {made.why}",
        path=f"/improvements/{made.public_id}/",
        payload={
            "improvement": made.public_id, "application": application.slug, "key": made.key, "policy": made.policy,
            "insight": made.insight.public_id if made.insight else None, "prompt": made.prompt.name,
            "version": made.version, "proposed_by": proposed_by,
        },
    )  # fmt: skip
    return made


def _refusal(application: Application, key: str, cooldown_days: int, at: datetime) -> str | None:
    last = Improvement.objects.filter(application=application, key=key).order_by("-id").first()
    if last is None:
        return None
    if last.state in Improvement.OPEN:
        return f"{last.public_id} is {last.state}"
    until = (last.ended_at or last.proposed_at) + timedelta(days=cooldown_days)
    return f"cooling down until {until:%Y-%m-%d} after {last.public_id} ({last.state})" if at < until else None


def _answered(insight: Insight, key: str, prompt: Prompt) -> str | None:
    last = Improvement.objects.filter(insight=insight, key=key, prompt=prompt).first()
    return f"{last.public_id} ({last.state}) answers {insight.public_id} already, which goes on" if last else None


def _why(asked: Asked, values: Mapping[str, float | None]) -> str:
    return f"{' and '.join(f'“{text}”' for text in asked.triggers)} fired: {say_values(asked.metrics, values)}"


def _finding(asked: Asked | None, values: Mapping[str, float | None], about: Sequence[Insight]) -> dict[str, Any]:
    """Return what the proposal rests on, as it is now: insights go on, and their evidence goes with conversations."""
    evidence = evidence_by_insight(about, each=_MOST_EVIDENCE)
    return {
        "triggers": list(asked.triggers) if asked else [],
        "values": {metric: values.get(metric) for metric in asked.metrics} if asked else {},
        "insights": [
            {
                "id": each.public_id, "kind": each.kind, "key": each.key, "metric": each.metric,
                "severity": each.severity, "title": each.statement, "value": each.figures["value"],
                "n": each.figures["n"], "interval": each.figures["interval"],
            }
            for each in about
        ],
        "evidence": list(dict.fromkeys(session for each in about for session in evidence[each.id]))[:_MOST_EVIDENCE],
    }  # fmt: skip


def _judged_by(bundle: Bundle, rules: Rules) -> dict[str, Any]:
    return {
        "metric": bundle.metric,
        "guardrails": list(bundle.guardrails),
        "minimum_detectable_effect": bundle.minimum_detectable_effect,
        "first_percent": rules.first_percent,
        "staging": rules.staging,
        "criteria": list(rules.criteria),
        "checks": [dict(vars(each)) for each in rules.checks],
    }
