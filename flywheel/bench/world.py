"""What stands beside the conversations: people, prompts, an experiment, insights, improvements, turns of the wheel, a
ledger, an audit trail. One of each is made by the product's services, and SQL copies it.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flywheel.bench.copying import Owner, copy_rows, stride_of

if TYPE_CHECKING:
    from datetime import datetime

    from apps.organizations.models import Application, Organization

EMAIL = "owner@bench.test"
PASSWORD = "only-on-loopback-for-minutes"  # noqa: S105
_TRIED = timedelta(days=28)
_BY = "bench"
_SAYS = "You are the support assistant of Northwind Traders. Answer questions about orders, invoices and plans. "
_SAID = (("hourly_rate", 50, 75, 120), ("escalation_cost", 1, 2, 3), ("contribution_margin", 0.5, 0.6, 0.7))

_ID, _NAME = "s.id + k * %(stride)s", "s.name || '-' || k"
_DAYS = "make_interval(days => k::int)"


def _public(letter: str) -> str:
    return f"left('{letter}_' || md5(s.public_id || k), 16)"


# How many copies of each there are beside a million conversations, and what each has of its own.
_GROWN: dict[str, tuple[int, dict[str, str]]] = {
    "insights_insight": (100, {
        "id": _ID, "public_id": _public("i"), "since": f"s.since - {_DAYS}", "state": "'resolved'",
        "resolved_at": f"s.last_seen_at - {_DAYS}", "opened_at": f"s.opened_at - {_DAYS}",
    }),
    "insights_sighting": (100, {"id": _ID, "insight_id": "s.insight_id + k * %(stride)s"}),
    "insights_evidence": (100, {"id": _ID, "insight_id": "s.insight_id + k * %(stride)s"}),
    "cycles_cycle": (90, {
        "id": _ID, "public_id": _public("c"), "slot": f"s.slot - {_DAYS}", "since": f"s.since - {_DAYS}",
        "until": f"s.until - {_DAYS}", "started_at": f"s.started_at - {_DAYS}",
        "finished_at": f"s.finished_at - {_DAYS}", "status": "'finished'",
    }),
    "cycles_stagerun": (90, {"id": _ID, "cycle_id": "s.cycle_id + k * %(stride)s"}),
    "evaluations_evaluationrun": (200, {"id": _ID, "public_id": _public("r")}),
    "evaluations_threatpattern": (80, {"id": _ID, "name": _NAME}),
    "library_prompt": (60, {"id": _ID, "name": _NAME}),
    "library_promptversion": (60, {"id": _ID, "prompt_id": "s.prompt_id + k * %(stride)s"}),
    "library_labelassignment": (60, {
        "id": _ID, "prompt_id": "s.prompt_id + k * %(stride)s", "version_id": "s.version_id + k * %(stride)s",
    }),
    "library_guardrail": (40, {"id": _ID, "name": _NAME}),
    "experiments_experiment": (60, {
        "id": _ID, "public_id": _public("e"), "name": _NAME, "prompt_id": "s.prompt_id + k * %(stride)s",
        "state": "'promoted'", "ended_at": "s.started_at",
    }),
    "experiments_phase": (60, {
        "id": _ID, "public_id": _public("p"), "experiment_id": "s.experiment_id + k * %(stride)s",
        "ended_at": "s.started_at",
    }),
    "experiments_decision": (60, {"id": _ID, "experiment_id": "s.experiment_id + k * %(stride)s"}),
    "improvements_improvement": (150, {
        "id": _ID, "public_id": _public("m"), "insight_id": "NULL", "state": "'retired'", "experiment_id": "NULL",
    }),
    "platform_outboxevent": (1000, {"id": _ID, "public_id": _public("v"), "key": "s.key || '-' || k"}),
}  # fmt: skip
# Facts of the tried application's last four weeks, as if each had echoed its assignment.
_ASSIGN = """
WITH tried AS (
    SELECT f.organization_id, conversation_id, started_at, mod(get_byte(decode(unit_hash, 'hex'), 0), 2) AS arm,
        left(md5(unit_hash), 24) AS unit
    FROM evaluations_conversationfact f
    WHERE f.organization_id = %(organization)s AND application_id = %(application)s AND started_at >= %(since)s
        AND unit_hash <> ''
), joined AS (
    INSERT INTO evaluations_factassignment (organization_id, assignment_id, conversation_id)
    SELECT organization_id, %(public)s || '.' || arm || '.' || unit, conversation_id FROM tried
)
INSERT INTO experiments_exposure (organization_id, phase_id, unit, variant, served_hash, at)
SELECT organization_id, %(phase)s, unit, arm, '', min(started_at) FROM tried GROUP BY 1, 3, 4
"""
_AUDIT = """
INSERT INTO organizations_auditevent (organization_id, at, actor, action, subject, detail)
SELECT %(organization)s, %(now)s - make_interval(mins => k), 'person-' || mod(k, 40) || '@bench.test',
    (ARRAY['key.made', 'prompt.labelled', 'verdict.given', 'profile.saved'])[1 + mod(k, 4)], 'subject-' || k, '{}'
FROM generate_series(1, %(n)s) AS k
"""
_PEOPLE = """
WITH people AS (
    INSERT INTO auth_user (username, email, password, first_name, last_name, is_staff, is_superuser, is_active,
        date_joined)
    SELECT address, address, '!', '', '', false, false, true, %(now)s
    FROM (SELECT 'person-' || k || '@bench.test' AS address FROM generate_series(1, 40) AS k) AS names RETURNING id
)
INSERT INTO organizations_membership (organization_id, user_id, role, team, created_at)
SELECT %(organization)s, id, 'analyst', 'product', %(now)s FROM people
"""
_DELIVERIES = """
INSERT INTO platform_webhookdelivery (organization_id, endpoint_id, event_id, state, attempts, error, tried_at)
SELECT v.organization_id, e.id, v.id, 'delivered', 1, '', %(now)s
FROM platform_outboxevent v, platform_webhookendpoint e
WHERE v.organization_id = %(organization)s AND e.organization_id = v.organization_id
ON CONFLICT DO NOTHING
"""
# An hour's look each, as ticks leave them.
_LOOKS = """
INSERT INTO experiments_snapshot (organization_id, phase_id, at, figures)
SELECT s.organization_id, phase_id, s.at - make_interval(hours => k), figures
FROM experiments_snapshot s, generate_series(1, 24 * 28 - 1) AS k WHERE s.organization_id = %(organization)s
"""


def make_world(organization: Organization) -> None:
    """Make one of each, and turn the wheel once over what was captured so far."""
    from apps.cycles.services import turning
    from apps.evaluations.services import runs, threat_patterns, verdicts
    from apps.insights.services import alerting
    from apps.library.services import guardrails
    from apps.organizations import services
    from apps.organizations.models import Application
    from apps.organizations.services import webhooks
    from apps.platform import clock
    from apps.platform.tenancy import tenant

    now = clock.now(organization)
    user, _ = services.make_person(email=EMAIL)
    user.set_password(PASSWORD)
    user.save()
    services.add_member(organization_id=organization.id, user=user, role="owner", team="security", at=now, actor=_BY)
    with tenant(organization.id):
        application = Application.objects.get(slug="support")
        services.save_profile(application=application, profile={"system_prompt": _SAYS}, at=now, actor=_BY)
        _try_out(organization, application, now)
        guardrails.add_guardrail_version(
            organization_id=organization.id, name="shield", content={"sanitise": True}, note="", at=now, actor=_BY
        )
        threat_patterns.create_pattern(
            organization_id=organization.id, name="pattern", pattern="glass rain", kind="jailbreak", severity="high",
            at=now, actor=_BY,
        )  # fmt: skip
        verdicts.draw_sample(application=application, at=now, actor=_BY)
        webhooks.create_endpoint(
            organization_id=organization.id, name="hook", url="https://hooks.example.test/flywheel",
            events=["insight.opened"], shape="standard", at=now, actor=_BY,
        )  # fmt: skip
        alerting.subscribe(organization_id=organization.id, at=now, actor=_BY, floor="medium", team="security")
        run = runs.start_run(organization=organization, application=application, at=now, asked_by=_BY, sample=0.1)
        cycle = turning.start_cycle(
            organization=organization, application=application, at=now, slot=now, started_by=_BY,
            since=now - timedelta(days=7),
        )  # fmt: skip
        _find_something(application, now)
        _pin_one(organization, now)
    runs.go_on(organization_id=organization.id, run_id=run.public_id)
    _turn(organization.id, cycle.public_id)
    _keep_books(organization, application, now)


def _try_out(organization: Organization, application: Application, now: datetime) -> None:
    """Have two versions of a prompt tried for four weeks, and a third proposed."""
    from apps.experiments.domain.plans import Plan, VariantPlan
    from apps.experiments.services import lifecycle, planning
    from apps.improvements.services import proposing
    from apps.library.services import prompts, sharing

    first, _ = prompts.create_prompt(
        organization_id=organization.id, name="support", content=_SAYS * 10, labels=["production"], at=now, actor=_BY
    )
    prompt = first.prompt
    brief, _ = prompts.add_version(prompt=prompt, content=_SAYS * 9 + "Be brief.", at=now, actor=_BY)
    exact, _ = prompts.add_version(prompt=prompt, content=_SAYS * 9 + "Be exact.", at=now, actor=_BY)
    plan = Plan(
        variants=(VariantPlan("control", 1), VariantPlan("brief", brief.number)), metric="escalation_rate",
        direction="decrease", planned_n=10_000_000, min_days=60.0,
    )  # fmt: skip
    experiment = planning.create_experiment(prompt=prompt, name="brief", plan=plan, at=now - _TRIED, actor=_BY)
    lifecycle.start(experiment_id=experiment.id, at=now - _TRIED, actor=_BY)
    proposing.propose_by_hand(
        application=application, version=exact, title="exact", why="a hunch", metric="escalation_rate", at=now,
        actor=_BY,
    )  # fmt: skip
    sharing.share(version=brief, metric="escalation_rate", at=now, actor=_BY, title="Brief")


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
        pinning.pin(found=found, organization=organization, reason="to be shown", at=now, actor=_BY)


def _turn(organization_id: int, cycle_id: str) -> None:
    """Do what workers do for a turn."""
    from apps.cycles.services import turning
    from apps.evaluations.services import runs
    from apps.platform.models import WorkItem

    turning.go_on(organization_id=organization_id, cycle_id=cycle_id)
    for item in WorkItem.objects.filter(organization_id=organization_id, kind="evaluations.run"):
        runs.go_on(organization_id=organization_id, run_id=item.key)
    turning.go_on(organization_id=organization_id, cycle_id=cycle_id)


def _keep_books(organization: Organization, application: Application, now: datetime) -> None:
    """Say what things are worth, and freeze a report."""
    from apps.platform.tenancy import tenant
    from apps.reports.domain.periods import days
    from apps.reports.services import assumptions, reporting, valuing

    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with tenant(organization.id):
        for key, *values in _SAID:
            low, mode, high = (Decimal(str(value)) for value in values)
            said = assumptions.Said(
                key=key, low=low, mode=mode, high=high, unit="money", owner="finance", source="finance",
                valid_from=(now - 3 * _TRIED).date(),
            )  # fmt: skip
            assumptions.say(application=application, said=said, at=now, actor=_BY, approve=True)
        report = reporting.ask(
            organization=organization, application=None, period=days(today - _TRIED, today), at=now, actor=_BY
        )
        reporting.write(organization=organization, report_id=report.public_id, at=now)
        valuing.value_all(organization=organization, at=now)


def multiply(owner: Owner, organization: Organization, n: int) -> None:
    """Copy what grows with an organization of ``n`` conversations, and put the traffic into the experiment."""
    from apps.experiments.models import Experiment, Phase
    from apps.experiments.services import lifecycle
    from apps.organizations.models import Application
    from apps.platform import clock
    from apps.platform.tenancy import tenant

    now = clock.now(organization)
    said: dict[str, Any] = {"organization": organization.id, "now": now, "n": max(100, n // 10)}
    with tenant(organization.id):
        experiment = Experiment.objects.get(name="brief")
        phase = Phase.objects.get(experiment=experiment)
        application = Application.objects.get(slug="support")
    owner.execute(
        _ASSIGN,
        said | {"application": application.id, "since": now - _TRIED, "public": phase.public_id, "phase": phase.id},
    )
    # A look over what is new in the tables needs to know them, as it would by now.
    owner.execute("ANALYZE evaluations_factassignment, evaluations_conversationfact, experiments_exposure")
    with tenant(organization.id):
        lifecycle.tick(experiment_id=experiment.id, at=now)
    stride = stride_of(owner, _GROWN)
    for table, (times, changes) in _GROWN.items():
        copy_rows(owner, table, changes, times=max(1, times * n // 1_000_000), stride=stride)
    owner.execute(
        "UPDATE experiments_experiment SET results = (SELECT figures FROM experiments_snapshot"
        " WHERE organization_id = %(organization)s ORDER BY id DESC LIMIT 1) WHERE state = 'promoted'",
        said,
    )
    for statement in (_LOOKS, _AUDIT, _PEOPLE, _DELIVERIES):
        owner.execute(statement, said)
