"""Asking a model about a proposal: for probes of it, or for another draft. A worker does the rest."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from apps.improvements.domain.checks import GROUP, Check
from apps.improvements.domain.suite import shipped
from apps.improvements.models import Improvement, ProbeAnswer, ProbeRun
from apps.improvements.selectors import NO_MODEL
from apps.improvements.services.regressions import collect_failures, own_probes
from apps.organizations.selectors import model_for
from apps.organizations.services import record_audit
from apps.platform import work
from apps.platform.identifiers import new_identifier


class NotReplayable(Exception):
    """There is nothing to send the prompt to; the message says so."""


def ask_for_probes(*, improvement: Improvement, at: datetime, actor: str) -> ProbeRun:
    """Have old and new version answer every probe; return the run, the one that is under way if there is one.

    The same versions on the same model are not paid for twice: a finished run of them is returned as it is. Call
    inside tenant(...). Raises NotReplayable.
    """
    endpoint = model_for(improvement.application, "probes")
    if endpoint is None:
        raise NotReplayable(NO_MODEL)
    standing: ProbeRun | None = ProbeRun.objects.filter(improvement=improvement).order_by("-id").first()
    if standing is not None and _still_holds(standing, improvement, endpoint.model):
        return standing
    collect_failures(application=improvement.application, at=at)
    probes = [*own_probes(improvement.application), *shipped()]
    checks = checks_of(improvement)
    try:
        with transaction.atomic():
            run: ProbeRun = ProbeRun.objects.create(
                organization_id=improvement.organization_id, public_id=new_identifier("p"), improvement=improvement,
                old_version=improvement.base_version, new_version=improvement.version, model=endpoint.model,
                calls=2 * len(probes) + len(checks), asked_by=actor, asked_at=at,
            )  # fmt: skip
            # First, and of the new version only: they are few, and nothing is compared.
            ProbeAnswer.objects.bulk_create(
                ProbeAnswer(
                    organization_id=improvement.organization_id, run=run, number=number, probe=f"check:{number}",
                    arm=ProbeAnswer.Arm.NEW, group=GROUP, source=GROUP, kind=GROUP, text=check.ask,
                )
                for number, check in enumerate(checks)
            )  # fmt: skip
            ProbeAnswer.objects.bulk_create(
                ProbeAnswer(
                    organization_id=improvement.organization_id, run=run, number=number, probe=probe.key, arm=arm,
                    group=probe.group, source=probe.source, kind=probe.kind, text=probe.text, sign=probe.sign,
                )
                for number, probe in enumerate(probes, start=len(checks))
                # Side by side, so that what a budget cuts off is whole pairs.
                for arm in ProbeAnswer.Arm.values
            )  # fmt: skip
    except IntegrityError:
        under_way: ProbeRun = ProbeRun.objects.get(improvement=improvement, state=ProbeRun.State.RUNNING)
        return under_way
    record_audit(
        organization_id=improvement.organization_id, at=at, actor=actor, action="improvement.probed",
        subject=improvement.public_id, run=run.public_id, calls=run.calls, model=run.model,
    )  # fmt: skip
    work.ask("improvements.probe", organization_id=improvement.organization_id, key=run.public_id)
    return run


def checks_of(improvement: Improvement) -> list[Check]:
    """Return what its configuration wants to see in staging, in its order."""
    return [Check(**each) for each in improvement.judged_by.get("checks", ())]


def ask_for_draft(*, improvement_id: int, at: datetime, actor: str) -> Improvement:
    """Have a model draft another change for what a proposal found. Call inside tenant(...). Raises NotReplayable."""
    rows = Improvement.objects.select_related("application", "prompt", "experiment")
    improvement: Improvement = rows.get(id=improvement_id)
    if model_for(improvement.application, "drafts") is None:
        raise NotReplayable("no model is set for drafts")
    record_audit(
        organization_id=improvement.organization_id, at=at, actor=actor, action="improvement.draft_asked",
        subject=improvement.public_id,
    )  # fmt: skip
    work.ask("improvements.draft", organization_id=improvement.organization_id, key=improvement.public_id)
    return improvement


def _still_holds(run: ProbeRun, improvement: Improvement, model: str) -> bool:
    if run.state == ProbeRun.State.RUNNING:
        return True
    same = (run.old_version, run.new_version, run.model) == (improvement.base_version, improvement.version, model)
    return same and run.state == ProbeRun.State.FINISHED


def ask_again(*, improvement_id: int, at: datetime, actor: str) -> Improvement:
    """Ask for probes of a proposal by its row. Call inside tenant(...). Raises NotReplayable."""
    rows = Improvement.objects.select_related("application", "prompt")
    improvement: Improvement = rows.get(id=improvement_id)
    ask_for_probes(improvement=improvement, at=at, actor=actor)
    return improvement
