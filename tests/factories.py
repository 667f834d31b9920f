"""Rows for tests, made the way the product makes them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.test import Client

from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.selectors import Filters
from apps.evaluations.services import assessing
from apps.experiments.domain.plans import Plan, VariantPlan
from apps.experiments.models import Experiment
from apps.experiments.services import planning
from apps.improvements.models import Improvement
from apps.improvements.services import proposing
from apps.ingestion.services import storing
from apps.insights.domain.evidence import Found
from apps.insights.domain.signals import Figures, Period, Signal
from apps.insights.models import Insight
from apps.insights.selectors.evidence import choose_evidence
from apps.insights.selectors.looking import Look
from apps.insights.services import stories
from apps.library import selectors as library
from apps.library.services import prompts
from apps.organizations import services
from apps.organizations.models import Application, Organization

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
_numbers = itertools.count(1)
ESCALATIONS = Signal(
    kind="threshold", key="escalation_rate", metric="escalation_rate", severity="medium",
    title="Escalation rate is above 20%",
    figures=Figures(0.23, "fraction", 10_000, interval=(0.222, 0.238), limit=0.2), rows={"escalated": "true"},
)  # fmt: skip


def make_organization(slug: str = "", **changes: object) -> Organization:
    """Return a new organization, with changes applied."""
    organization = services.ensure_organization(slug=slug or f"organization-{next(_numbers)}", at=AT)
    for name, value in changes.items():
        setattr(organization, name, value)
    organization.save()
    return organization


PASSWORD = "a-long-enough-secret"


@cache
def hashed_password() -> str:
    """Return the hash of PASSWORD; hashing is slow on purpose, so it is done once."""
    return make_password(PASSWORD)


def make_person(email: str) -> User:
    """Return a new person whose address is confirmed and whose password is PASSWORD."""
    user = User.objects.create(username=email, email=email, password=hashed_password())
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def make_application(organization: Organization, slug: str = "support") -> Application:
    """Return the organization's application of this slug."""
    return services.ensure_application(organization_id=organization.id, slug=slug, at=AT)


def make_key(organization: Organization, *scopes: str, application: Application | None = None) -> str:
    """Return the secret of a new key."""
    return services.create_key(
        organization_id=organization.id,
        application_id=application.id if application else None,
        scopes=list(scopes or ("ingest", "read", "admin")),
        at=AT,
        actor="test",
    ).secret


def push(organization: Organization, records: Sequence[dict[str, Any]], application: str = "support") -> str:
    """Push records through the API; return the batch's id."""
    answer = Client().post(
        f"/api/v1/logs?application={application}",
        "\n".join(map(json.dumps, records)),
        content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {make_key(organization)}"},
    )
    assert answer.status_code == 202, answer.content
    return str(answer.json()["batch_id"])


def capture(organization: Organization, records: Sequence[dict[str, Any]], application: str = "support") -> str:
    """Push records, store and assess them at once as workers would; return the batch's id."""
    batch_id = push(organization, records, application)
    storing.store_batch(organization_id=organization.id, batch_id=batch_id)
    assessing.assess_batch(organization_id=organization.id, batch_id=batch_id)
    return batch_id


def make_experiment(prompt: str, **changes: Any) -> Experiment:
    """Return a draft that compares a prompt's version 1 with a second one. Call inside tenant(...)."""
    found = library.find_prompt(prompt)
    assert found is not None
    version, _ = prompts.add_version(prompt=found, content="Be kind and brief.", at=AT, actor="test")
    plan = Plan(
        variants=(VariantPlan("control", 1), VariantPlan("brief", version.number)),
        **{"metric": "escalation_rate", "direction": "decrease", "planned_n": 2_000, "min_days": 7.0} | changes,
    )
    return planning.create_experiment(prompt=found, name="brief", plan=plan, at=AT, actor="test")


def make_insight(application: Application, signal: Signal = ESCALATIONS, at: datetime = AT) -> Insight:
    """Return what a look at the week before ``at`` found. Call inside tenant(...)."""
    period = Period(at - timedelta(days=7), at)
    filters = Filters(application_id=application.id, since=period.since, until=period.until)
    seen = Look(200, (Found(signal, choose_evidence(signal, filters)),), (), thresholds=frozenset(REGISTRY))
    return stories.record_look(application=application, period=period, look=seen, at=at).seen[0]


def make_improvement(
    prompt: str, application: Application, title: str = "exact", *, content: str = "Be kind and exact.", **state: Any
) -> Improvement:
    """Return a proposal by hand for a prompt that is in production, moved to ``state``. Call inside tenant(...)."""
    found = library.find_prompt(prompt)
    assert found is not None
    version, _ = prompts.add_version(prompt=found, content=content, at=AT, actor="test")
    made = proposing.propose_by_hand(
        application=application, version=version, title=title, why="a hunch", metric="escalation_rate", at=AT,
        actor="test",
    )  # fmt: skip
    if state:
        Improvement.objects.filter(id=made.id).update(**state)
        made.refresh_from_db()
    return made
