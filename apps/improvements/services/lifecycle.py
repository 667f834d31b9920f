"""What happens to an improvement: approved, rejected, started, followed to its verdict, retired."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from apps.experiments.domain.plans import BadPlan, GuardrailPlan, Plan, StepPlan, VariantPlan
from apps.experiments.models import Experiment
from apps.experiments.services import lifecycle as experiments
from apps.experiments.services.planning import create_experiment, direction_of
from apps.improvements.models import Approval, Improvement
from apps.improvements.services.harm import WATCHED_FOR, harm_since
from apps.improvements.services.proposing import WHEEL, Moved, rebase
from apps.improvements.services.staging import is_probed, pass_staging
from apps.library import selectors as library
from apps.library.models import Guardrail
from apps.library.selectors import guardrails as guards
from apps.library.services import guardrails
from apps.library.services.prompts import set_labels
from apps.organizations.models import Organization
from apps.organizations.services import record_audit
from apps.platform import work

State = Improvement.State
FOLLOW = timedelta(seconds=15)
LOOK_FOR_HARM = timedelta(minutes=10)
_RAMP = (25.0, 50.0)
_HOURS_A_STEP = 24.0
# How an experiment's end is told as an improvement's.
_ENDS = {
    Experiment.State.PROMOTED: State.WON,
    Experiment.State.LOSER: State.LOST,
    Experiment.State.NO_WINNER: State.UNDECIDED,
    Experiment.State.ROLLED_BACK: State.ROLLED_BACK,
    Experiment.State.STOPPED: State.RETIRED,
}


class NotNow(Exception):
    """A transition this state does not have; says why."""


def approve(*, improvement_id: int, at: datetime, actor: str, reason: str = "") -> Improvement:
    """Approve a proposal; repeating it changes nothing. Call inside tenant(...). Raises NotNow.

    Where the organization asks for two people, what goes to everybody at once waits for a second.
    """
    improvement = _lock(improvement_id)
    if improvement.state == State.APPROVED:
        return improvement
    if improvement.state != State.PROPOSED:
        raise NotNow(f"It is {improvement.state}: only a proposal can be approved.")
    Approval.objects.get_or_create(
        organization_id=improvement.organization_id, improvement=improvement, person=actor,
        defaults={"at": at, "reason": reason[:500]},
    )  # fmt: skip
    if _asks_for_another(improvement):
        improvement.reason = f"approved by {actor}; another person must, too"
        improvement.save(update_fields=["reason"])
        record_audit(
            organization_id=improvement.organization_id, at=at, actor=actor, action="improvement.approved_by_one",
            subject=improvement.public_id, reason=reason[:500],
        )  # fmt: skip
    else:
        _go(improvement, State.APPROVED, at=at, actor=actor, reason=reason)
    return improvement


def _asks_for_another(improvement: Improvement) -> bool:
    if improvement.path != "security":
        return False
    organization = Organization.objects.get(id=improvement.organization_id)
    return organization.two_people and Approval.objects.filter(improvement=improvement).count() < 2


def reject(*, improvement_id: int, at: datetime, actor: str, reason: str = "") -> Improvement:
    """Reject a proposal, approved or not. Raises NotNow once it runs."""
    improvement = _lock(improvement_id)
    if improvement.state == State.REJECTED:
        return improvement
    if improvement.state not in (State.PROPOSED, State.APPROVED):
        raise NotNow(f"It is {improvement.state}: only a proposal can be rejected.")
    _go(improvement, State.REJECTED, at=at, actor=actor, reason=reason, ended=True)
    return improvement


def start(*, improvement_id: int, at: datetime, actor: str) -> Improvement:
    """Start an approved improvement: as an experiment, or, on the security path, for everybody at once.

    Where the configuration has a staging environment, its probes must pass there first: until they have, the
    improvement stays as it is and its reason says what it waits for. A proposal under auto_fix needs no approval.
    Call inside tenant(...). Raises NotNow where it may not start, or another experiment has the prompt.
    """
    improvement = _lock(improvement_id)
    if improvement.state in (State.RUNNING, State.DEPLOYED):
        return improvement
    free = improvement.state == State.PROPOSED and improvement.policy == Improvement.Policy.AUTO_FIX
    if improvement.state != State.APPROVED and not free:
        raise NotNow(f"It is {improvement.state}: approve it first.")
    try:
        rebase(improvement, at=at)
    except Moved as error:
        raise NotNow(str(error)) from error
    if improvement.judged_by.get("staging") and not pass_staging(improvement, at=at, actor=actor):
        return improvement
    improvement.started_at = at
    if improvement.path == "security":
        _deploy(improvement, at=at, actor=actor)
    else:
        _experiment(improvement, at=at, actor=actor)
    return improvement


def retire(*, improvement_id: int, at: datetime, actor: str, reason: str = "") -> Improvement:
    """Take an improvement back: its experiment is rolled back, or the version before is in production again."""
    improvement = _lock(improvement_id)
    if improvement.state == State.RETIRED:
        return improvement
    if improvement.state == State.RUNNING and improvement.experiment is not None:
        experiments.roll_back(experiment_id=improvement.experiment.id, at=at, actor=actor, reason=reason)
    elif improvement.state in (State.DEPLOYED, State.WON):
        _restore(improvement, at=at, actor=actor, reason=reason)
    else:
        raise NotNow(f"It is {improvement.state}: there is nothing in production to take back.")
    _go(improvement, State.RETIRED, at=at, actor=actor, reason=reason, ended=True)
    return improvement


def follow(*, improvement_id: int, at: datetime) -> timedelta | None:
    """Take over its experiment's verdict, or take back what harms; return when to look again, None for never.

    Call inside tenant(...).
    """
    improvement = _lock(improvement_id)
    if improvement.state in (State.PROPOSED, State.APPROVED) and improvement.judged_by.get("staging"):
        return _go_on_in_staging(improvement, at=at)
    if improvement.state == State.DEPLOYED:
        return _look_for_harm(improvement, at=at)
    if improvement.state != State.RUNNING or improvement.experiment is None:
        return None
    experiment = improvement.experiment
    ended = _ENDS.get(Experiment.State(experiment.state))
    if ended is None:
        return FOLLOW
    improvement.outcome = _outcome(experiment)
    _go(improvement, ended, at=at, actor=WHEEL, reason=experiment.reason, ended=True)
    return None


def _look_for_harm(improvement: Improvement, *, at: datetime) -> timedelta | None:
    if improvement.started_at is None or at > improvement.started_at + WATCHED_FOR:
        return None
    reason = harm_since(improvement, at=at)
    if reason is None:
        return LOOK_FOR_HARM
    try:
        with transaction.atomic():
            _restore(improvement, at=at, actor=WHEEL, reason=reason)
            _go(improvement, State.ROLLED_BACK, at=at, actor=WHEEL, reason=reason, ended=True)
            if improvement.version != improvement.base_version:
                _stop_what_rests_on(improvement, at=at, reason=reason)
    except NotNow:
        # Somebody has put another version there: what harms now is no longer this change alone.
        return None
    return None


def _stop_what_rests_on(improvement: Improvement, *, at: datetime, reason: str) -> None:
    """Stop an experiment on the prompt: its control is what was just taken back."""
    for each in Experiment.objects.filter(prompt=improvement.prompt, state__in=Experiment.LIVE):
        experiments.stop(experiment_id=each.id, at=at, actor=WHEEL, reason=f"{improvement.public_id}: {reason}"[:500])


def start_what_may(*, application_id: int, at: datetime) -> tuple[list[Improvement], list[str]]:
    """Start what is approved or needs no approval; return what started, and why the others wait."""
    started, waiting = [], []
    rows = Improvement.objects.filter(application_id=application_id, state__in=(State.PROPOSED, State.APPROVED))
    for row in rows.order_by("id")[:100]:
        if row.state == State.PROPOSED and row.policy != Improvement.Policy.AUTO_FIX:
            waiting.append(f"{row.key}: a person's approval")
            continue
        try:
            found = start(improvement_id=row.id, at=at, actor=WHEEL)
        except NotNow as error:
            waiting.append(f"{row.key}: {error}")
            continue
        if found.state in (State.RUNNING, State.DEPLOYED):
            started.append(found)
        else:
            waiting.append(f"{row.key}: {found.reason}")
    return started, waiting


def _go_on_in_staging(improvement: Improvement, *, at: datetime) -> timedelta | None:
    """Start what has passed staging meanwhile; return when to look again."""
    if not is_probed(improvement):
        return FOLLOW
    try:
        start(improvement_id=improvement.id, at=at, actor=WHEEL)
    except NotNow as error:
        Improvement.objects.filter(id=improvement.id).update(reason=str(error))
    return None


def _deploy(improvement: Improvement, *, at: datetime, actor: str) -> None:
    """Label the new version and put the guardrail in force, at once and both or none.

    A prompt known to be vulnerable keeps no holdout.
    """
    changes_prompt = improvement.version != improvement.base_version
    taken = Experiment.objects.filter(prompt=improvement.prompt, state__in=Experiment.LIVE).first()
    if changes_prompt and taken is not None:
        raise NotNow(f"{taken.public_id} runs on {improvement.prompt.name}; its control must not change under it.")
    if improvement.guardrail is not None:
        _enforce(improvement, improvement.guardrail, at=at, actor=actor)
    if changes_prompt:
        version = library.find_version(improvement.prompt, improvement.version)
        assert version is not None
        set_labels(version=version, labels=[improvement.label], at=at, actor=actor, reason=improvement.public_id)
    reason = "for everybody at once: security changes keep no holdout"
    _go(improvement, State.DEPLOYED, at=at, actor=actor, reason=reason, ended=True)
    work.ask(
        "improvements.follow", organization_id=improvement.organization_id, key=improvement.public_id,
        delay=LOOK_FOR_HARM,
    )  # fmt: skip


def _enforce(improvement: Improvement, guardrail: Guardrail, *, at: datetime, actor: str) -> None:
    standing = guards.standing_activation(guardrail.name, improvement.application)
    improvement.guardrail_before = standing.guardrail if standing else None
    try:
        guardrails.activate(
            guardrail=guardrail, application=improvement.application, at=at, actor=actor,
            reason=improvement.public_id,
            approved_by=list(
                Approval.objects.filter(improvement=improvement).order_by("id").values_list("person", flat=True)
            ),
        )  # fmt: skip
    except guardrails.NotActivated as error:
        raise NotNow(f"its guardrail may not go live: {error}") from error


def _experiment(improvement: Improvement, *, at: datetime, actor: str) -> None:
    judged = improvement.judged_by
    steps = tuple(
        StepPlan(percent, min_hours=_HOURS_A_STEP) for percent in sorted({min(50.0, judged["first_percent"]), *_RAMP})
        if percent >= judged["first_percent"] or percent == 50.0
    )  # fmt: skip
    automatic = improvement.policy == Improvement.Policy.AUTO_FIX
    plan = Plan(
        variants=(VariantPlan("control", improvement.base_version), VariantPlan("treatment", improvement.version)),
        metric=judged["metric"],
        direction=direction_of(judged["metric"]),  # type: ignore[arg-type]
        guardrails=tuple(
            GuardrailPlan(metric, 0.0, "harm_only", direction_of(metric)) for metric in judged["guardrails"]  # type: ignore[arg-type]
        ),
        steps=steps,
        minimum_detectable_effect=judged.get("minimum_detectable_effect"),
        approval="none" if automatic else "one",
        criteria=tuple(judged.get("criteria", ())),
    )  # fmt: skip
    try:
        experiment = create_experiment(
            prompt=improvement.prompt, name=improvement.key, plan=plan, at=at, actor=actor, label=improvement.label,
            hypothesis=improvement.expect, application=improvement.application,
        )  # fmt: skip
        improvement.experiment = experiments.start(experiment_id=experiment.id, at=at, actor=actor)
    except (BadPlan, experiments.NotNow) as error:
        raise NotNow(str(error)) from error
    _go(improvement, State.RUNNING, at=at, actor=actor, reason=f"experiment {experiment.public_id}")
    work.ask(
        "improvements.follow", organization_id=improvement.organization_id, key=improvement.public_id, delay=FOLLOW
    )


def _restore(improvement: Improvement, *, at: datetime, actor: str, reason: str) -> None:
    """Put exactly what was before in its place: the version, and the guardrail or none.

    A guardrail that is not in force any more, or has been changed since, is left as it is.
    """
    standing = library.labelled_version(improvement.prompt, improvement.label)
    before = library.find_version(improvement.prompt, improvement.base_version)
    changed_prompt = improvement.version != improvement.base_version
    if changed_prompt and (standing is None or before is None or standing.number != improvement.version):
        raise NotNow("Another version has taken its place since; label the one you want.")
    said = reason or f"{improvement.public_id} retired"
    if improvement.guardrail is not None:
        current = guards.standing_activation(improvement.guardrail.name, improvement.application)
        if current is not None and current.guardrail_id == improvement.guardrail_id:
            guardrails.restore(
                name=current.name, application=improvement.application, before=improvement.guardrail_before, at=at,
                actor=actor, reason=said,
            )  # fmt: skip
    if changed_prompt and before is not None:
        set_labels(version=before, labels=[improvement.label], at=at, actor=actor, reason=said)


def _outcome(experiment: Experiment) -> dict[str, Any]:
    results = experiment.results or {}
    return {
        "experiment": experiment.public_id,
        "state": experiment.state,
        "metric": results.get("metric"),
        "comparisons": results.get("comparisons", []),
        "units": sum(each["units"] for each in results.get("variants", [])),
        "grade": "A randomised",
    }


def _go(
    improvement: Improvement, state: str, *, at: datetime, actor: str, reason: str = "", ended: bool = False
) -> None:
    before, improvement.state, improvement.reason = improvement.state, state, reason
    improvement.ended_at = at if ended else improvement.ended_at
    improvement.save()
    record_audit(
        organization_id=improvement.organization_id, at=at, actor=actor, action=f"improvement.{state}",
        subject=improvement.public_id, before=before, reason=reason[:500],
    )  # fmt: skip
    if ended:
        # The ledger stands above improvements and knows them; it is asked by name to write what this one did.
        work.ask("reports.fill", organization_id=improvement.organization_id, key="ledger")


def _lock(improvement_id: int) -> Improvement:
    rows = Improvement.objects.select_for_update(of=("self",)).select_related(
        "prompt", "application", "experiment", "guardrail", "guardrail_before"
    )
    found: Improvement = rows.get(id=improvement_id)
    return found
