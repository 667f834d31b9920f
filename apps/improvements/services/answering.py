"""A worker's part of probes: ask the model, judge its replies, keep each one at once, and say what they show.

The network is outside every transaction. What was answered stays answered: a worker that is killed loses the few calls
it had under way, and nothing is asked twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from apps.evaluations.domain.security.masking import excerpt
from apps.evaluations.domain.security.probed import ReplyJudge
from apps.improvements.domain.checks import FAILED, GROUP, PASSED, Check, pass_all, summarize_checks
from apps.improvements.domain.probing import Answered, both_pass, summarize
from apps.improvements.domain.suite import REFERENCE
from apps.improvements.models import ProbeAnswer, ProbeRun
from apps.improvements.services.probing import checks_of
from apps.library.domain.prompts import Content, as_text
from apps.library.models import PromptVersion
from apps.organizations.models import ModelEndpoint, Organization
from apps.organizations.selectors import model_for
from apps.organizations.services import endpoints
from apps.platform import clock
from apps.platform.language_models.values import Answer, Endpoint, Failed, Question
from apps.platform.tenancy import tenant

# So many calls at once, and so many between two looks at the budget and the breaker.
_AT_ONCE = 4
_BATCH = 40
# Rests in a row, a minute each, after which a model that stays down has had its chance.
_MOST_STALLS = 5
_MOST_TOKENS = 300
# Seconds after which the worker lets others have a turn, well below the task's limit.
_ENOUGH_AT_ONCE = 300
_PLANTED = f"Reference of this text: {REFERENCE}"
_PARAMETERS = ("temperature", "top_p")


@dataclass(frozen=True)
class _Side:
    """One version: what goes before the probe, how it is asked, and how a reply is judged."""

    messages: tuple[Mapping[str, str], ...]
    parameters: Mapping[str, float]
    judge: ReplyJudge

    def question(self, text: str) -> Question:
        return Question(
            (*self.messages, {"role": "user", "content": text}), most_tokens=_MOST_TOKENS, parameters=self.parameters
        )


def go_on(*, organization_id: int, run_id: str) -> datetime | None:
    """Go on with a run; return when to go on again (wall time), None when it has ended."""
    began, organization = time.monotonic(), Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        run = ProbeRun.objects.select_related("improvement__application", "improvement__prompt").get(public_id=run_id)
        if run.state != ProbeRun.State.RUNNING:
            return None
        endpoint = model_for(run.improvement.application, "probes")
        if endpoint is None:
            _end(run, organization, "the model was taken away")
            return None
        if endpoint.broken_until is not None and endpoint.broken_until > clock.wall():
            return endpoint.broken_until
        sides = _sides(run)
        checks = checks_of(run.improvement)
    # It loads the openai package, a second and 60 MB that most workers never need.
    from apps.platform.language_models.asking import LanguageModel

    place = Endpoint(endpoint.base_url, endpoint.model, endpoint.api_key or "")
    with LanguageModel(place) as model, ThreadPoolExecutor(_AT_ONCE) as pool:
        while True:
            with tenant(organization_id):
                waiting, spent = _take(run, endpoint, sides)
                if not waiting:
                    _end(run, organization, spent)
                    return None
            asked = {pool.submit(model.ask, sides[row.arm].question(row.text)): row for row in waiting}
            trouble = _keep(asked, organization_id, run, endpoint, sides, checks)
            if trouble is not None:
                return _stop(trouble, organization, run, endpoint)
            if time.monotonic() - began > _ENOUGH_AT_ONCE:
                return clock.wall()


def give_up(*, organization_id: int, run_id: str) -> None:
    """End a run whose work was parked: what was answered counts."""
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        run = ProbeRun.objects.select_for_update().filter(public_id=run_id, state=ProbeRun.State.RUNNING).first()
        if run is not None:
            _end(run, organization, "its work failed again and again; see the log")


def _take(run: ProbeRun, endpoint: ModelEndpoint, sides: Mapping[str, _Side]) -> tuple[list[ProbeAnswer], str]:
    """Return the next probes whose worst case both budgets allow; none, and why, where a budget is spent."""
    at = clock.wall()
    rows = list(ProbeAnswer.objects.filter(run=run, outcome="").order_by("number", "-arm")[:_BATCH])
    taken: list[ProbeAnswer] = []
    aside = ProbeRun.objects.values_list("tokens", flat=True).get(id=run.id)
    for row in rows:
        cost = sides[row.arm].question(row.text).worst_case
        if aside + cost > endpoint.tokens_per_run:
            return taken, "" if taken else "the budget of a run is spent"
        if not endpoints.charge(endpoint, tokens=cost, at=at):
            return taken, "" if taken else "today's budget is spent"
        aside += cost
        taken.append(row)
    return taken, ""


def _keep(
    asked: Mapping[Future[Answer], ProbeAnswer],
    organization_id: int,
    run: ProbeRun,
    endpoint: ModelEndpoint,
    sides: Mapping[str, _Side],
    checks: Sequence[Check],
) -> Failed | None:
    """Write each answer as it arrives; return what went wrong where the rest need not be asked."""
    trouble: Failed | None = None
    for done in as_completed(asked):
        row, side = asked[done], sides[asked[done].arm]
        worst = side.question(row.text).worst_case
        failed = done.exception() if not done.cancelled() else None
        if failed is not None and not isinstance(failed, Failed):
            raise failed
        with tenant(organization_id):
            if done.cancelled() or (failed is not None and failed.trouble != "garbage"):
                # Not answered, so not paid for; it waits on.
                endpoints.refund(endpoint, tokens=worst, at=clock.wall())
            else:
                answer = done.result() if failed is None else None
                used = worst if answer is None or answer.tokens is None else min(answer.tokens, worst)
                _write(row, answer, side, used, checks)
                ProbeRun.objects.filter(id=run.id).update(tokens=F("tokens") + used, stalls=0)
                endpoints.refund(endpoint, tokens=worst - used, at=clock.wall())
                endpoints.note_answered(endpoint)
        if failed is not None and failed.trouble != "garbage" and trouble is None:
            trouble = failed
            for other in asked:
                other.cancel()
    return trouble


def _write(row: ProbeAnswer, answer: Answer | None, side: _Side, used: int, checks: Sequence[Check]) -> None:
    """Judge one reply. Garbage is unscored; a provider that keeps an answer back has blocked it: no check passes."""
    if answer is None:
        row.outcome = "unscored"
    elif row.group == GROUP:
        said = "" if answer.filtered else answer.text
        row.outcome = PASSED if said and checks[row.number].passes(said) else FAILED
        row.reply = excerpt(said, (0, 0), side.judge.secrets)[:400]
    elif answer.filtered:
        row.outcome, row.reply = "blocked", "(kept back by the provider's filter)"
    else:
        row.outcome = side.judge.judge(row.text, answer.text, kind=row.kind, sign=row.sign)
        row.reply = excerpt(answer.text, (0, 0), side.judge.secrets)[:400]
    row.tokens = used
    row.save(update_fields=["outcome", "reply", "tokens"])


def _stop(trouble: Failed, organization: Organization, run: ProbeRun, endpoint: ModelEndpoint) -> datetime | None:
    """Rest where the model is down, as often as is reasonable; end where the endpoint will not have us."""
    at = clock.wall()
    with tenant(organization.id):
        if trouble.trouble == "down":
            endpoints.note_down(endpoint, at=at)
            ProbeRun.objects.filter(id=run.id).update(stalls=F("stalls") + 1)
            run.refresh_from_db(fields=["stalls"])
            if run.stalls < _MOST_STALLS:
                return at + endpoints.REST
        _end(run, organization, str(trouble))
    return None


def _end(run: ProbeRun, organization: Organization, reason: str) -> None:
    """Say what the answers show; a run that lacks some is partial, and says why."""
    rows = ProbeAnswer.objects.filter(run=run).order_by("number", "arm")
    answers = list(rows.values_list("probe", "group", "source", "arm", "outcome"))
    waiting = sum(not outcome for *_, outcome in answers)
    checks = summarize_checks(list(rows.filter(group=GROUP).values_list("text", "outcome")))
    summary = summarize(_pairs(answers))
    run.summary = summary | {
        "answered": len(answers) - waiting, "waiting": waiting, "checks": checks,
        "passes": both_pass(summary["passes"], pass_all(checks)),
    }  # fmt: skip
    run.state = ProbeRun.State.PARTIAL if waiting else ProbeRun.State.FINISHED
    run.reason, run.ended_at = reason[:500] if waiting else "", clock.now(organization)
    run.save(update_fields=["summary", "state", "reason", "ended_at"])


def _pairs(answers: list[tuple[Any, ...]]) -> Iterator[Answered]:
    """Return the probes that both versions answered."""
    by_probe: dict[str, dict[str, tuple[str, str, Any]]] = {}
    for probe, group, source, arm, outcome in answers:
        if outcome:
            by_probe.setdefault(probe, {})[arm] = (group, source, outcome)
    for sides in by_probe.values():
        if len(sides) == 2:
            (group, source, old), (_, _, new) = sides["old"], sides["new"]
            yield Answered(group, source, old, new)


def _sides(run: ProbeRun) -> dict[str, _Side]:
    rows = PromptVersion.objects.filter(prompt=run.improvement.prompt, number__in=[run.old_version, run.new_version])
    versions = {row.number: row for row in rows}
    profile = run.improvement.application.profile
    return {
        ProbeAnswer.Arm.OLD.value: _side(versions[run.old_version], profile),
        ProbeAnswer.Arm.NEW.value: _side(versions[run.new_version], profile),
    }


def _side(version: PromptVersion, profile: Mapping[str, Any]) -> _Side:
    config = version.config if isinstance(version.config, dict) else {}
    numbers = {name: float(config[name]) for name in _PARAMETERS if isinstance(config.get(name), int | float)}
    # What the profile calls secret is secret under every version; the rest of its prompt may be an older one.
    judge = ReplyJudge(prompts=[as_text(version.content)], canaries=profile.get("canaries", ()))
    return _Side(_messages(version.content), numbers, judge)


def _messages(content: Content) -> tuple[Mapping[str, str], ...]:
    """Return what the model is told before the probe, with the reference planted at the end of its first message.

    Gaps stay as they are: there is no customer to fill them from.
    """
    told = [{"role": "system", "content": content}] if isinstance(content, str) else [dict(each) for each in content]
    first = next((each for each in told if each["role"] in ("system", "developer")), None)
    if first is None:
        return ({"role": "system", "content": _PLANTED}, *told)
    first["content"] = f"{first['content'].rstrip()}\n\n{_PLANTED}"
    return tuple(told)
