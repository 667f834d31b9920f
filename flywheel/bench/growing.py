"""What grows with an organization of very many conversations: SQL copies what stands beside them, and puts the traffic
into its experiments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flywheel.bench.copying import Owner, copy_rows, stride_of
from flywheel.bench.world import BY

if TYPE_CHECKING:
    from datetime import datetime

    from apps.organizations.models import Organization

_ID, _NAME = "s.id + k * %(stride)s", "s.name || '-' || k"
_DAYS = "make_interval(days => k::int)"
# Of copies of what may end, every third goes on; of improvements there are some in every state.
_GOES_ON = "mod(k, 3) = 1"
_STATES = "(ARRAY['proposed', 'approved', 'deployed', 'won', 'lost', 'retired'])[1 + mod(k, 6)]"


def _public(letter: str) -> str:
    return f"left('{letter}_' || md5(s.public_id || k), 16)"


# How many copies of each there are beside a million conversations, and what each has of its own.
_GROWN: dict[str, tuple[int, dict[str, str]]] = {
    "insights_insight": (20, {
        "id": _ID, "public_id": _public("n"), "since": f"s.since - {_DAYS}", "key": "s.key || '-' || k",
        "state": f"CASE WHEN {_GOES_ON} THEN 'open' ELSE 'resolved' END",
        "resolved_at": f"CASE WHEN {_GOES_ON} THEN NULL ELSE s.last_seen_at - {_DAYS} END",
        "opened_at": f"s.opened_at - {_DAYS}",
    }),
    "insights_sighting": (20, {"id": _ID, "insight_id": "s.insight_id + k * %(stride)s"}),
    "insights_evidence": (20, {"id": _ID, "insight_id": "s.insight_id + k * %(stride)s"}),
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
    "library_guardrailactivation": (10, {
        "id": _ID, "name": _NAME, "guardrail_id": "s.guardrail_id + k * %(stride)s", "at": f"s.at - {_DAYS}",
        "ended_at": f"s.ended_at - {_DAYS}",
    }),
    "library_libraryentry": (30, {
        "id": _ID, "public_id": _public("e"), "title": "s.title || ' ' || k",
        "version_id": "s.version_id + k * %(stride)s",
    }),
    "library_responsetemplate": (2, {
        "id": _ID, "public_id": _public("t"), "session_id": "s.session_id || '-' || k",
        "name": "CASE WHEN s.name = '' THEN '' ELSE s.name || '-' || k END",
    }),
    "experiments_experiment": (30, {
        "id": _ID, "public_id": _public("x"), "name": _NAME, "prompt_id": "s.prompt_id + k * %(stride)s",
        "state": "'promoted'", "ended_at": "s.started_at",
    }),
    "experiments_phase": (30, {
        "id": _ID, "public_id": _public("p"), "experiment_id": "s.experiment_id + k * %(stride)s",
        "ended_at": "s.started_at",
    }),
    "experiments_decision": (30, {"id": _ID, "experiment_id": "s.experiment_id + k * %(stride)s"}),
    "improvements_improvement": (30, {
        "id": _ID, "public_id": _public("i"), "insight_id": "NULL", "key": "s.key || '-' || k", "state": _STATES,
        "experiment_id": "NULL",
    }),
    "organizations_apikey": (30, {
        "id": _ID, "prefix": "left(md5(s.prefix || k), 8)", "sha256": "encode(sha256((s.sha256 || k)::bytea), 'hex')",
        "name": _NAME,
    }),
    "organizations_invitation": (20, {
        "id": _ID, "email": "k || s.email", "token_hash": "encode(sha256((s.token_hash || k)::bytea), 'hex')",
    }),
    "platform_outboxevent": (1000, {"id": _ID, "public_id": _public("v"), "key": "s.key || '-' || k"}),
}  # fmt: skip
# Each an experiment's copy's: what decided copies of it did.
_LINES = {
    "reports_benefitline": {
        "id": _ID,
        "source_id": "left('x_' || md5(s.source_id || k), 16)",
        "name": _NAME,
        "scope": "s.scope || k",
    },
}
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


def multiply(owner: Owner, organization: Organization, n: int) -> None:
    """Copy what grows with an organization of ``n`` conversations, and put the traffic into the experiments."""
    from apps.platform import clock

    now = clock.now(organization)
    said: dict[str, Any] = {"organization": organization.id, "now": now, "n": max(100, n // 10)}
    _try_on_traffic(owner, organization, now)
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


def _try_on_traffic(owner: Owner, organization: Organization, now: datetime) -> None:
    """Have each experiment seen its application's traffic since it began; one goes on, the other is over."""
    from apps.experiments.models import Phase
    from apps.experiments.services import lifecycle
    from apps.organizations.models import Application
    from apps.platform.tenancy import tenant

    with tenant(organization.id):
        phases = {phase.experiment.name: phase for phase in Phase.objects.select_related("experiment")}
        applications = {each.slug: each.id for each in Application.objects.all()}
    for name, slug in (("brief", "support"), ("warm", "sales")):
        phase, of = phases[name], {"organization": organization.id, "application": applications[slug]}
        owner.execute(_ASSIGN, of | {"since": phase.started_at, "public": phase.public_id, "phase": phase.id})
    # A look over what is new in the tables needs to know them, as it would by now.
    owner.execute("ANALYZE evaluations_factassignment, evaluations_conversationfact, experiments_exposure")
    with tenant(organization.id):
        lifecycle.tick(experiment_id=phases["brief"].experiment_id, at=now)
        lifecycle.roll_back(experiment_id=phases["warm"].experiment_id, at=now, actor=BY, reason="no better")


def multiply_lines(owner: Owner, n: int) -> None:
    """Copy the ledger's lines to the experiments that were copied."""
    stride = stride_of(owner, _LINES)
    for table, changes in _LINES.items():
        copy_rows(owner, table, changes, times=max(1, 30 * n // 1_000_000), stride=stride)
