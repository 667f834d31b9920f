"""What happens to an experiment: each transition under its row's lock, repeatable, with one audit row."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from apps.evaluations.analyzers import VERSIONS
from apps.experiments.domain.deciding import Reading, Ruling, decide
from apps.experiments.models import Decision, Experiment, Phase, PromotionApproval, Snapshot
from apps.experiments.selectors.experiments import Look, approvals_of, current_phase, plan_of, show_look
from apps.experiments.services import exposing
from apps.library import selectors as library
from apps.library.services.prompts import set_labels
from apps.organizations.models import Organization
from apps.organizations.services import record_audit
from apps.platform import outbox, work
from apps.platform.identifiers import new_identifier

State = Experiment.State
TICK = timedelta(seconds=15)
# Rules read by a clock are actors too: this is the one they write into the audit trail.
RULES = "flywheel"


class NotNow(Exception):
    """A transition this state does not have; says which state it is in."""


def start(*, experiment_id: int, at: datetime, actor: str, start_at: datetime | None = None) -> Experiment:
    """Start a draft, now or at a moment to come; go on with a paused one; begin a new phase of an invalid one.

    Call inside tenant(...). Repeating it changes nothing. Raises NotNow for one that has ended, or whose prompt or
    layer is taken.
    """
    experiment = _lock(experiment_id)
    if experiment.state == State.RUNNING:
        return experiment
    if experiment.state not in (State.DRAFT, State.SCHEDULED, State.PAUSED, State.INVALID):
        raise NotNow(f"It is {experiment.state}: only a draft starts, and a paused or invalid one goes on.")
    if start_at is not None and start_at > at:
        if experiment.state != State.DRAFT:
            raise NotNow(f"It is {experiment.state}: only a draft can be scheduled.")
        experiment.start_at = start_at
        _go(experiment, State.SCHEDULED, at=at, actor=actor, rule="scheduled", reason=f"starts {start_at.isoformat()}")
        _ask(experiment)
        return experiment
    if experiment.state == State.PAUSED:
        _go(experiment, State.RUNNING, at=at, actor=actor, rule="resumed")
    else:
        _begin_phase(experiment, at=at, actor=actor)
    _ask(experiment)
    return experiment


def pause(*, experiment_id: int, at: datetime, actor: str, reason: str = "") -> Experiment:
    """Hold: units keep what they have, nothing is decided and no step is taken. Raises NotNow unless it runs."""
    experiment = _lock(experiment_id)
    if experiment.state == State.PAUSED:
        return experiment
    if experiment.state not in (State.RUNNING, State.SCHEDULED):
        raise NotNow(f"It is {experiment.state}: only a running one can be paused.")
    _go(experiment, State.PAUSED, at=at, actor=actor, rule="paused", reason=reason)
    return experiment


def stop(*, experiment_id: int, at: datetime, actor: str, reason: str = "") -> Experiment:
    """The kill switch: from the next fetch on everybody has what the label names. Raises NotNow after its end."""
    return _end_by_hand(experiment_id, State.STOPPED, at=at, actor=actor, rule="stopped", reason=reason)


def roll_back(*, experiment_id: int, at: datetime, actor: str, reason: str = "") -> Experiment:
    """Take the treatment away from everybody. The label never left the previous version, so that is what they get.

    Raises NotNow for one that has ended.
    """
    return _end_by_hand(experiment_id, State.ROLLED_BACK, at=at, actor=actor, rule="rolled_back", reason=reason)


def approve(*, experiment_id: int, at: datetime, actor: str, reason: str = "") -> Experiment:
    """Approve the winner; with as many approvals as the plan asks for it is promoted. A person counts once.

    Raises NotNow unless it waits for approval.
    """
    experiment = _lock(experiment_id)
    if experiment.state == State.PROMOTED:
        return experiment
    if experiment.state != State.AWAITING_APPROVAL:
        raise NotNow(f"It is {experiment.state}: there is nothing to approve.")
    phase = _phase(experiment)
    PromotionApproval.objects.get_or_create(
        organization_id=experiment.organization_id, experiment=experiment, phase=phase.number, person=actor,
        defaults={"at": at, "reason": reason[:500]},
    )  # fmt: skip
    given, needed = len(approvals_of(experiment, phase.number)), _needed(experiment)
    if given >= needed:
        _promote(experiment, at=at, actor=actor)
    else:
        experiment.needs = f"{needed - given} more approval, by another person"
        _save(experiment)
        record_audit(
            organization_id=experiment.organization_id, at=at, actor=actor, action="experiment.approved",
            subject=experiment.public_id, reason=reason[:500],
        )  # fmt: skip
    return experiment


def advance(*, experiment_id: int, at: datetime, actor: str) -> Experiment:
    """Approve leaving the present step; the next tick takes it when its other conditions hold. Raises NotNow."""
    experiment = _lock(experiment_id)
    plan = plan_of(experiment)
    if experiment.state != State.RUNNING or not plan.steps:
        raise NotNow(f"It is {experiment.state}: only a running ramp has a step to leave.")
    if experiment.step_approved:
        return experiment
    experiment.step_approved = True
    _decide(
        experiment, rule="step approved", action="approve", at=at, actor=actor, reason=f"step {experiment.step + 1}"
    )
    _save(experiment)
    _ask(experiment, delay=timedelta())
    return experiment


def tick(*, experiment_id: int, at: datetime) -> bool:
    """Apply the rules once; return whether there is reason to look again. Call inside tenant(...).

    A moment is looked at once: while a sandbox's clock stands, logs come in bit by bit, and when a tick falls must not
    decide how much of a day it sees. The row's lock makes two workers take turns, and the second finds the decision of
    the first.
    """
    experiment = _lock(experiment_id)
    if experiment.state == State.SCHEDULED:
        if experiment.start_at is not None and experiment.start_at <= at:
            _begin_phase(experiment, at=at, actor=RULES)
        return True
    if experiment.state != State.RUNNING:
        return False
    if experiment.looked_at == at:
        return True
    experiment.looked_at = at
    experiment.save(update_fields=["looked_at"])
    phase = _phase(experiment)
    exposing.rebuild(organization_id=experiment.organization_id, phase=phase)
    look = Look(experiment, phase, at=at)
    shown = show_look(look, look.adjusted())
    _keep(look, shown)
    _apply(experiment, decide(look.plan, _reading(experiment, look)), look, shown)
    return experiment.state in (State.RUNNING, State.SCHEDULED)


def _reading(experiment: Experiment, look: Look) -> Reading:
    started, since = look.phase.started_at, experiment.step_since or look.phase.started_at
    return Reading(
        at=look.at,
        started_at=started,
        step_since=since,
        step=experiment.step,
        step_approved=experiment.step_approved,
        units={variant.key: n for variant, n in zip(look.plan.variants, look.arms.units, strict=True)},
        sample_ratios=look.sample_ratios(),
        in_two_arms=0 if look.moves_units else look.arms.in_two_arms,
        served_wrong=_served_wrong(experiment, look),
        control_moved=_label_stands_at(experiment) != experiment.version_before,
        analyzers_changed=experiment.analyzers != VERSIONS,
        primary=look.primary(),
        guarded=look.guarded(),
        criteria=look.criteria(),
    )


def _served_wrong(experiment: Experiment, look: Look) -> int:
    """Return how many exposures were served something else than their variant's version."""
    hashes = {each.number: each.content_hash for each in library.list_versions(experiment.prompt, limit=10_000)}
    right = [hashes[variant.version] for variant in look.plan.variants]
    # Past one half control units become treatment units: either text was right in its time.
    return sum(
        n for (place, served), n in look.served.items()
        if served and served not in (right if look.moves_units else [right[place]])
    )  # fmt: skip


def _apply(experiment: Experiment, ruling: Ruling, look: Look, shown: dict[str, Any]) -> None:
    at, evidence = look.at, {"results": shown}
    match ruling.action:
        case "wait":
            if (experiment.reason, experiment.needs) != (ruling.reason, ruling.needs):
                experiment.reason, experiment.needs = ruling.reason, ruling.needs
                # Nothing that is served changes: the revision stays.
                experiment.save(update_fields=["reason", "needs"])
        case "advance":
            experiment.step, experiment.step_since, experiment.step_approved = experiment.step + 1, at, False
            experiment.reason, experiment.needs = ruling.reason, ""
            _decide(
                experiment,
                rule=f"step {experiment.step + 1}",
                action="advance",
                at=at,
                reason=ruling.reason,
                evidence=evidence,
            )
            _save(experiment)
        case "hold":
            _go(experiment, State.INVALID, at=at, rule=ruling.rule, reason=ruling.reason, evidence=evidence)
        case "winner":
            experiment.winner, experiment.results = ruling.variant or "", shown
            if (needed := _needed(experiment)) == 0:
                _promote(experiment, at=at, actor=RULES, reason=ruling.reason, rule=ruling.rule, evidence=evidence)
                return
            experiment.needs = f"{needed} approval{'s' if needed > 1 else ''}"
            _go(experiment, State.AWAITING_APPROVAL, at=at, rule=ruling.rule, reason=ruling.reason, evidence=evidence)
        case "roll_back":
            experiment.results = shown
            _end(experiment, State.ROLLED_BACK, at=at, rule=ruling.rule, reason=ruling.reason, evidence=evidence)
        case "loser" | "no_winner":
            experiment.results = shown
            state = State.LOSER if ruling.action == "loser" else State.NO_WINNER
            _end(experiment, state, at=at, rule=ruling.rule, reason=ruling.reason, evidence=evidence)


def _promote(
    experiment: Experiment,
    *,
    at: datetime,
    actor: str,
    reason: str = "",
    rule: str = "approved",
    evidence: dict[str, Any] | None = None,
) -> None:
    """Have the label name the winner's version, and end."""
    variant = next(each for each in plan_of(experiment).variants if each.key == experiment.winner)
    version = library.find_version(experiment.prompt, variant.version)
    assert version is not None
    reason = reason or experiment.reason
    set_labels(
        version=version, labels=[experiment.label], at=at, actor=actor, reason=f"{experiment.public_id}: {reason}"
    )
    experiment.needs = ""
    _end(experiment, State.PROMOTED, at=at, actor=actor, rule=rule, reason=reason, evidence=evidence)


def _needed(experiment: Experiment) -> int:
    return {"none": 0, "one": 1, "two": 2}[plan_of(experiment).approval]


def _begin_phase(experiment: Experiment, *, at: datetime, actor: str) -> None:
    before = current_phase(experiment)
    if before is not None and before.ended_at is None:
        before.ended_at = at
        before.save(update_fields=["ended_at"])
    plan = plan_of(experiment)
    low, high = _free_slice(experiment, plan.layer, plan.layer_share)
    Phase.objects.create(
        organization_id=experiment.organization_id, experiment=experiment, number=(before.number if before else 0) + 1,
        public_id=new_identifier("p"), salt=_new_salt(experiment), slice_from=low, slice_to=high, started_at=at,
    )  # fmt: skip
    experiment.started_at = experiment.started_at or at
    experiment.version_before = _label_stands_at(experiment)
    experiment.step, experiment.step_since, experiment.step_approved = 0, at, False
    experiment.analyzers, experiment.results, experiment.winner = dict(VERSIONS), None, ""
    _go(experiment, State.RUNNING, at=at, actor=actor, rule="started", reason="collecting")


def _new_salt(experiment: Experiment) -> str:
    """Return what deals this phase's units: a secret, so that nobody can choose a unit for its arm.

    In a sandbox it follows from the prompt and how many phases it has had: a simulation lived again deals alike, in
    whatever organization.
    """
    organization = Organization.objects.only("sandbox").get(id=experiment.organization_id)
    if not organization.sandbox:
        return secrets.token_hex(12)
    earlier = Phase.objects.filter(experiment__prompt_id=experiment.prompt_id).count()
    return hashlib.sha256(f"{experiment.prompt.name}:{earlier}".encode()).hexdigest()[:24]


def _free_slice(experiment: Experiment, layer: str, share: float) -> tuple[float, float]:
    """Return the first stretch of the layer that no live experiment holds. Raises NotNow where there is none."""
    if not layer:
        return 0.0, 1.0
    held = sorted(
        Phase.objects.filter(ended_at=None, experiment__state__in=Experiment.LIVE, experiment__plan__layer=layer)
        .exclude(experiment=experiment)
        .values_list("slice_from", "slice_to")
    )
    low = 0.0
    for taken_from, taken_to in [*held, (1.0, 1.0)]:
        if taken_from - low >= share - 1e-9:
            return low, min(1.0, low + share)
        low = max(low, taken_to)
    raise NotNow(f"The layer {layer!r} has no room for {share:.0%} of its units: its live experiments hold the rest.")


def _label_stands_at(experiment: Experiment) -> int | None:
    standing = library.labelled_version(experiment.prompt, experiment.label)
    return standing.number if standing else None


def _end_by_hand(experiment_id: int, state: str, *, at: datetime, actor: str, rule: str, reason: str) -> Experiment:
    experiment = _lock(experiment_id)
    if experiment.state == state:
        return experiment
    if experiment.state != State.DRAFT and experiment.state not in Experiment.LIVE:
        raise NotNow(
            f"It is {experiment.state}, which is final. To go back, label the version before: "
            f"PATCH /prompts/{experiment.prompt.name}/versions/{experiment.version_before} "
            f'{{"labels": ["{experiment.label}"]}}.'
        )
    phase = current_phase(experiment)
    if phase is not None:
        look = Look(experiment, phase, at=at)
        experiment.results = experiment.results or show_look(look, look.adjusted())
    _end(experiment, state, at=at, actor=actor, rule=rule, reason=reason or "by hand")
    return experiment


def _end(
    experiment: Experiment,
    state: str,
    *,
    at: datetime,
    rule: str,
    reason: str,
    actor: str = RULES,
    evidence: dict[str, Any] | None = None,
) -> None:
    Phase.objects.filter(experiment=experiment, ended_at=None).update(ended_at=at)
    experiment.ended_at, experiment.needs = at, ""
    _go(experiment, state, at=at, actor=actor, rule=rule, reason=reason, evidence=evidence)
    outbox.emit(
        "rollout.rolled_back" if state == State.ROLLED_BACK else "experiment.decided", key=experiment.public_id, at=at,
        summary=f"{experiment.name}: {State(state).label.lower()}. {reason}".strip(),
        path=f"/experiments/{experiment.public_id}/",
        payload={
            "experiment": experiment.public_id, "kind": experiment.kind, "name": experiment.name,
            "prompt": experiment.prompt.name, "state": str(state), "reason": reason, "by": actor,
            "winner": experiment.winner or None,
        },
    )  # fmt: skip
    # The ledger stands above experiments and knows them; it is asked by name to write what this one did.
    work.ask("reports.fill", organization_id=experiment.organization_id, key="ledger")


def _go(
    experiment: Experiment,
    state: str,
    *,
    at: datetime,
    rule: str,
    reason: str = "",
    actor: str = RULES,
    evidence: dict[str, Any] | None = None,
) -> None:
    """Enter a state, with its decision and its one audit row. Raises NotNow where another one lives on the prompt."""
    before, experiment.state, experiment.reason = experiment.state, state, reason
    try:
        with transaction.atomic():
            _save(experiment)
    except IntegrityError as error:
        raise NotNow("Another experiment or rollout of this prompt is live; stop it first.") from error
    _decide(experiment, rule=rule, action=state, at=at, actor=actor, reason=reason, evidence=evidence)
    record_audit(
        organization_id=experiment.organization_id, at=at, actor=actor, action=f"experiment.{state}",
        subject=experiment.public_id, before=before, rule=rule, reason=reason[:500],
    )  # fmt: skip


def _decide(
    experiment: Experiment,
    *,
    rule: str,
    action: str,
    at: datetime,
    reason: str = "",
    actor: str = RULES,
    evidence: dict[str, Any] | None = None,
) -> None:
    phase = current_phase(experiment)
    Decision.objects.create(
        organization_id=experiment.organization_id, experiment=experiment, phase=phase.number if phase else 0,
        rule=rule[:40], action=action, variant=experiment.winner, reason=reason, actor=actor,
        evidence=evidence or {}, at=at,
    )  # fmt: skip


def _keep(look: Look, shown: dict[str, Any]) -> None:
    """Append what was seen, if it differs from what was seen last."""
    figures = {name: value for name, value in shown.items() if name != "at"}
    last = Snapshot.objects.filter(phase=look.phase).order_by("-at").first()
    if last is None or last.figures != figures:
        Snapshot.objects.get_or_create(
            organization_id=look.phase.organization_id, phase=look.phase, at=look.at, defaults={"figures": figures}
        )


def _lock(experiment_id: int) -> Experiment:
    found: Experiment = (
        Experiment.objects.select_for_update(of=("self",)).select_related("prompt").get(id=experiment_id)
    )
    return found


def _phase(experiment: Experiment) -> Phase:
    phase = current_phase(experiment)
    assert phase is not None, "a started experiment has a phase"
    return phase


def _save(experiment: Experiment) -> None:
    experiment.revision += 1
    experiment.save()


def _ask(experiment: Experiment, *, delay: timedelta = TICK) -> None:
    """Have it looked at, though this moment was looked at before: somebody did something since."""
    experiment.looked_at = None
    experiment.save(update_fields=["looked_at"])
    work.ask("experiments.tick", organization_id=experiment.organization_id, key=experiment.public_id, delay=delay)
