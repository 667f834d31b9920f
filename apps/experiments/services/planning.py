"""An experiment is made: its plan checked against the library, the registry and what traffic can show."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.domain.plans import (
    BadPlan,
    GuardrailPlan,
    Plan,
    StepPlan,
    VariantPlan,
    as_plain,
    check_plan,
    planned_units,
    unreachable_gates,
)
from apps.experiments.models import Experiment
from apps.experiments.selectors.measuring import known_rates, users_seen
from apps.library import selectors as library
from apps.library.models import Prompt
from apps.organizations.models import Application
from apps.organizations.services import record_audit
from apps.platform.identifiers import new_identifier


def create_experiment(
    *,
    prompt: Prompt,
    name: str,
    plan: Plan,
    at: datetime,
    actor: str,
    kind: str = Experiment.Kind.EXPERIMENT,
    label: str = "production",
    hypothesis: str = "",
    application: Application | None = None,
) -> Experiment:
    """Write a draft. Call inside tenant(...).

    A prompt is the organization's, so its size and its gates are judged by everybody's traffic; ``application`` says
    whose users alone will be served it.

    Raises BadPlan for a plan that cannot be run, names versions that do not exist, or has a gate that its size can
    never pass, with the arithmetic.
    """
    check_plan(plan)
    known = {each.number: each.content_hash for each in library.list_versions(prompt, limit=10_000)}
    faults = [
        ("variants", f"{prompt.name} has no version {each.version}")
        for each in plan.variants
        if each.version not in known
    ]
    if len({each.version for each in plan.variants}) < 2:
        faults.append(("variants", "every variant serves the same version: there is nothing to compare"))
    if faults:
        raise BadPlan(faults)
    metrics = [*([plan.metric] if plan.metric else []), *(each.metric for each in plan.guardrails)]
    of = application.id if application else None
    rates = known_rates(application_id=of, metrics=metrics, at=at)
    organization_id = prompt.organization_id
    there_are = users_seen(organization_id=organization_id, application_id=of, at=at) if plan.unit == "user" else None
    plan = replace(plan, planned_n=planned_units(plan, baseline=rates.get(plan.metric or ""), there_are=there_are))
    if unreachable := unreachable_gates(plan, baselines=rates):
        raise BadPlan([("guardrails", words) for words in unreachable])
    experiment: Experiment = Experiment.objects.create(
        organization_id=organization_id, public_id=new_identifier("x"), kind=kind, name=name[:200],
        hypothesis=hypothesis, prompt=prompt, label=label, plan=as_plain(plan), created_by=actor, created_at=at,
    )  # fmt: skip
    record_audit(
        organization_id=organization_id, at=at, actor=actor, action=f"{kind}.created",
        subject=experiment.public_id, prompt=prompt.name, name=name[:200],
    )  # fmt: skip
    return experiment


def plan_rollout(
    *,
    prompt: Prompt,
    to_version: int,
    label: str,
    steps: tuple[StepPlan, ...],
    guardrails: tuple[GuardrailPlan, ...],
    approval: str = "none",
) -> Plan:
    """Return the plan of a rollout from where the label stands to a version. Raises BadPlan where it stands nowhere."""
    standing = library.labelled_version(prompt, label)
    if standing is None:
        raise BadPlan(
            [
                (
                    "label",
                    f"no version of {prompt.name} carries {label!r}: label the first one, there is nothing to replace",
                )
            ]
        )
    if standing.number == to_version:
        raise BadPlan([("to_version", f"{label!r} names version {to_version} already")])
    return Plan(
        variants=(VariantPlan("previous", standing.number), VariantPlan("next", to_version)),
        metric=None, steps=steps, guardrails=guardrails, min_days=0, approval=approval,  # type: ignore[arg-type]
    )  # fmt: skip


def direction_of(metric: str) -> str:
    """Return which direction of a metric is better; ``increase`` for one the registry does not know."""
    return REGISTRY[metric].direction if metric in REGISTRY else "increase"
