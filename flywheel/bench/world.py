"""What stands beside the conversations: people, prompts, experiments, insights, improvements, turns of the wheel,
templates, topics, a ledger. One of each is made by the product's services.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from apps.organizations.models import Application, Organization

EMAIL = "owner@bench.test"
PASSWORD = "only-on-loopback-for-minutes"  # noqa: S105
_TRIED = timedelta(days=28)
BY = "bench"
_SAYS = "You are the support assistant of Northwind Traders. Answer questions about orders, invoices and plans. "
_CONFIGURATION = """
stages:
  capture: {source: "production-logs/*.jsonl", format: auto, retention: 400 days}
"""
_SAID = (("hourly_rate", 50, 75, 120), ("escalation_cost", 1, 2, 3), ("contribution_margin", 0.5, 0.6, 0.7))


def make_world(organization: Organization) -> None:
    """Make one of each, and turn the wheel once over what was captured so far."""
    from apps.cycles.services import turning
    from apps.evaluations.services import runs, threat_patterns, verdicts
    from apps.insights.services import alerting
    from apps.organizations import services
    from apps.organizations.models import Application
    from apps.organizations.services import webhooks
    from apps.platform import clock
    from apps.platform.tenancy import tenant

    now = clock.now(organization)
    user, _ = services.make_person(email=EMAIL)
    user.set_password(PASSWORD)
    user.save()
    services.add_member(organization_id=organization.id, user=user, role="owner", team="security", at=now, actor=BY)
    with tenant(organization.id):
        application = Application.objects.get(slug="support")
        services.save_profile(application=application, profile={"system_prompt": _SAYS}, at=now, actor=BY)
        _try_out(organization, application, now)
        _guard(organization, application, now)
        threat_patterns.create_pattern(
            organization_id=organization.id, name="pattern", pattern="glass rain", kind="jailbreak", severity="high",
            at=now, actor=BY,
        )  # fmt: skip
        verdicts.draw_sample(application=application, at=now, actor=BY)
        webhooks.create_endpoint(
            organization_id=organization.id, name="hook", url="https://hooks.example.test/flywheel",
            events=["insight.opened"], shape="standard", at=now, actor=BY,
        )  # fmt: skip
        alerting.subscribe(organization_id=organization.id, at=now, actor=BY, floor="medium", team="security")
        run = runs.start_run(organization=organization, application=application, at=now, asked_by=BY, sample=0.1)
        cycle = turning.start_cycle(
            organization=organization, application=application, at=now, slot=now, started_by=BY,
            since=now - timedelta(days=7),
        )  # fmt: skip
        _find_something(application, now)
        _pin_one(organization, now)
    runs.go_on(organization_id=organization.id, run_id=run.public_id)
    _turn(organization.id, cycle.public_id)
    _learn(organization, now)
    with tenant(organization.id):
        # Later, since a turn would wait for files that nobody writes.
        _let_in(organization, application, now)


def _try_out(organization: Organization, application: Application, now: datetime) -> None:
    """Have two versions of a prompt tried for four weeks and a third proposed; and another prompt's, too."""
    from apps.experiments.domain.plans import Plan, VariantPlan
    from apps.experiments.services import lifecycle, planning
    from apps.improvements.services import proposing
    from apps.library.services import prompts, sharing

    first, _ = prompts.create_prompt(
        organization_id=organization.id, name="support", content=_SAYS * 10, labels=["production"], at=now, actor=BY
    )
    prompt = first.prompt
    brief, _ = prompts.add_version(prompt=prompt, content=_SAYS * 9 + "Be brief.", at=now, actor=BY)
    exact, _ = prompts.add_version(prompt=prompt, content=_SAYS * 9 + "Be exact.", at=now, actor=BY)
    plan = Plan(
        variants=(VariantPlan("control", 1), VariantPlan("brief", brief.number)), metric="escalation_rate",
        direction="decrease", planned_n=10_000_000, min_days=60.0,
    )  # fmt: skip
    experiment = planning.create_experiment(prompt=prompt, name="brief", plan=plan, at=now - _TRIED, actor=BY)
    lifecycle.start(experiment_id=experiment.id, at=now - _TRIED, actor=BY)
    offer, _ = prompts.create_prompt(
        organization_id=organization.id, name="offer", content=_SAYS * 2, labels=["production"], at=now, actor=BY
    )
    prompts.add_version(prompt=offer.prompt, content=_SAYS * 2 + "Be warm.", at=now, actor=BY)
    other = planning.create_experiment(prompt=offer.prompt, name="warm", plan=plan, at=now - _TRIED, actor=BY)
    lifecycle.start(experiment_id=other.id, at=now - _TRIED, actor=BY)
    proposing.propose_by_hand(
        application=application, version=exact, title="exact", why="a hunch", metric="escalation_rate", at=now,
        actor=BY,
    )  # fmt: skip
    sharing.share(version=brief, metric="escalation_rate", at=now, actor=BY, title="Brief")


def _find_something(application: Application, now: datetime) -> None:
    """Have an insight, whatever a turn over few conversations finds."""
    from apps.evaluations.domain.registry import REGISTRY
    from apps.evaluations.selectors import Filters
    from apps.insights.domain.evidence import Found
    from apps.insights.domain.signals import Figures, Period, Signal
    from apps.insights.selectors.evidence import choose_evidence
    from apps.insights.selectors.looking import Look
    from apps.insights.services import stories

    period = Period(now - timedelta(days=7), now)
    signal = Signal(
        kind="threshold", key="escalation_rate", metric="escalation_rate", severity="medium",
        title="Escalation rate is above 20%", rows={"escalated": "true"},
        figures=Figures(0.23, "fraction", 10_000, interval=(0.222, 0.238), limit=0.2),
    )  # fmt: skip
    chosen = choose_evidence(signal, Filters(application_id=application.id, since=period.since, until=period.until))
    look = Look(200, (Found(signal, chosen),), (), thresholds=frozenset(REGISTRY))
    stories.record_look(application=application, period=period, look=look, at=now)


def _pin_one(organization: Organization, now: datetime) -> None:
    """Keep a conversation beyond its retention."""
    from apps.evaluations.selectors import find_conversation
    from apps.evaluations.services import pinning
    from apps.ingestion.models import Conversation

    found = find_conversation(Conversation.objects.earliest("id").session_id, None)
    if found is not None:
        pinning.pin(found=found, organization=organization, reason="to be shown", at=now, actor=BY)


def _turn(organization_id: int, cycle_id: str) -> None:
    """Do what workers do for a turn."""
    from apps.cycles.services import turning
    from apps.evaluations.services import runs
    from apps.platform.models import WorkItem

    turning.go_on(organization_id=organization_id, cycle_id=cycle_id)
    for item in WorkItem.objects.filter(organization_id=organization_id, kind="evaluations.run"):
        runs.go_on(organization_id=organization_id, run_id=item.key)
    turning.go_on(organization_id=organization_id, cycle_id=cycle_id)


def _guard(organization: Organization, application: Application, now: datetime) -> None:
    """Have a guardrail in force, in its first version for a while, then in its second."""
    from apps.library.services import backtesting, guardrails

    for days, content in ((20, {"sanitise": True}), (9, {"sanitise": True, "longest_input": 8_000})):
        version, _ = guardrails.add_guardrail_version(
            organization_id=organization.id, name="shield", content=content, note="", at=now, actor=BY
        )
        asked = backtesting.ask_backtest(guardrail=version, application=application, at=now, asked_by=BY)
        backtesting.go_on(organization_id=organization.id, backtest_id=asked.public_id)
        guardrails.activate(guardrail=version, application=application, at=now - timedelta(days=days), actor=BY)


def _let_in(organization: Organization, application: Application, now: datetime) -> None:
    """Have a key, an invitation, a model, and files that are watched."""
    from apps.cycles.services import configuring
    from apps.organizations import services
    from apps.organizations.services import endpoints

    services.create_key(organization_id=organization.id, scopes=["read"], name="reader", at=now, actor=BY)
    services.invite(
        organization=organization, email="invited@bench.test", role="viewer", team="product", at=now, actor=BY,
        actor_role="owner",
    )  # fmt: skip
    given = endpoints.EndpointValues(base_url="https://models.example.test/v1", model="small", api_key="secret")
    endpoints.save_endpoint(
        organization_id=organization.id, application=None, purpose="drafts", given=given, at=now, actor=BY
    )
    configuring.save_configuration(
        organization=organization, application=application, text=_CONFIGURATION, at=now, actor=BY
    )


def _learn(organization: Organization, now: datetime) -> None:
    """Have topics found and templates proposed, of which every third is served."""
    from apps.evaluations.services import topics
    from apps.library.models import ResponseTemplate
    from apps.library.services import templates
    from apps.organizations.selectors import list_applications
    from apps.platform.tenancy import tenant

    with tenant(organization.id):
        ids = [each.id for each in list_applications()]
    for application_id in ids:
        topics.find_topics(organization_id=organization.id, application_id=application_id)
        templates.propose_templates(organization_id=organization.id, application_id=application_id)
    with tenant(organization.id):
        for number, each in enumerate(ResponseTemplate.objects.order_by("id")[::3]):
            templates.approve(
                template=each, name=f"reply-{number}", text=each.text, tags=["order"], reason="good", at=now, actor=BY
            )


def keep_books(organization: Organization, multiply_lines: Callable[[], None]) -> None:
    """Say what things are worth, have the ledger filled and multiplied, value it and freeze a report."""
    from apps.organizations.models import Application
    from apps.platform import clock
    from apps.platform.tenancy import tenant
    from apps.reports.domain.periods import days
    from apps.reports.services import assumptions, filling, reporting, valuing

    now = clock.now(organization)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with tenant(organization.id):
        for application, (key, *values) in product(Application.objects.all(), _SAID):
            low, mode, high = (Decimal(str(value)) for value in values)
            said = assumptions.Said(
                key=key, low=low, mode=mode, high=high, unit="money", owner="finance", source="finance",
                valid_from=(now - 3 * _TRIED).date(),
            )  # fmt: skip
            assumptions.say(application=application, said=said, at=now, actor=BY, approve=True)
        filling.fill(organization=organization, at=now)
    multiply_lines()
    with tenant(organization.id):
        report = reporting.ask(
            organization=organization, application=None, period=days(today - _TRIED, today), at=now, actor=BY
        )
        reporting.write(organization=organization, report_id=report.public_id, at=now)
        valuing.value_all(organization=organization, at=now)
