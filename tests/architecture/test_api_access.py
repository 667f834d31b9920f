"""Every address of the API, for every scope, with every foreign id; an address nobody listed here fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from django.http import HttpResponse
from django.test import Client

from apps.cycles.models import Cycle, CycleConfig
from apps.evaluations.models import Assessment, Calibration, EvaluationRun, ThreatPattern, VerdictLabel
from apps.experiments.models import Experiment
from apps.improvements.models import Improvement
from apps.ingestion.models import Batch, Conversation, Outcome
from apps.insights.models import Comment, Insight
from apps.library.models import (
    Backtest,
    Guardrail,
    GuardrailActivation,
    LabelAssignment,
    Prompt,
    PromptVersion,
    ResponseTemplate,
)
from apps.organizations import services
from apps.organizations.models import ApiKey, Application
from apps.platform import clock
from apps.platform.models import OutboxEvent, WebhookEndpoint
from apps.platform.tenancy import tenant
from apps.reports.models import Assumption, Report
from flywheel import api_urls
from tests.architecture.test_portal_access import House, make_house
from tests.factories import make_application, make_key

pytestmark = pytest.mark.django_db
SCOPES = sorted(ApiKey.Scope.values)
# The scope each method of each address needs.
DOORS = {
    "logs": {"POST": "ingest"},
    "batches": {"GET": "ingest"},
    "batches/<str:batch_id>": {"GET": "ingest"},
    "batches/<str:batch_id>/retry": {"POST": "ingest"},
    "batches/<str:batch_id>/redrive": {"POST": "ingest"},
    "batches/<str:batch_id>/rejected.csv": {"GET": "read"},
    "batches/<str:batch_id>/rejected.ndjson": {"GET": "read"},
    "outcomes": {"POST": "ingest"},
    "applications/<slug:slug>/profile": {"GET": "read", "PUT": "admin"},
    "models": {"GET": "admin"},
    "models/<slug:purpose>": {"PUT": "admin", "DELETE": "admin"},
    "capture-sources": {"GET": "read"},
    "redaction-policy": {"GET": "admin", "PUT": "admin"},
    "sandbox/clock": {"POST": "admin"},
    "conversations": {"GET": "read"},
    "conversations/<path:session_id>": {"GET": "read"},
    "evaluation-runs": {"GET": "read", "POST": "ingest"},
    "evaluation-runs/<str:run_id>": {"GET": "read"},
    "evaluation-runs/<str:run_id>/cancel": {"POST": "ingest"},
    "metrics": {"GET": "read"},
    "alerts": {"GET": "admin", "PUT": "admin"},
    "alerts/<str:subscription_id>": {"DELETE": "admin"},
    "insights": {"GET": "read"},
    "insights/<str:insight_id>": {"GET": "read"},
    "insights/<str:insight_id>/acknowledge": {"POST": "experiments"},
    "insights/<str:insight_id>/assign": {"POST": "experiments"},
    "insights/<str:insight_id>/comments": {"POST": "experiments"},
    "threat-patterns": {"GET": "read", "POST": "guardrails"},
    "threat-patterns/<int:pattern_id>": {"GET": "read"},
    "threat-patterns/<int:pattern_id>/approve": {"POST": "guardrails"},
    "threat-patterns/<int:pattern_id>/retire": {"POST": "guardrails"},
    "verdicts": {"POST": "guardrails"},
    "calibration": {"GET": "read", "POST": "guardrails"},
    "prompts": {"GET": "prompts", "POST": "prompts"},
    "prompts/<str:name>/versions": {"GET": "prompts", "POST": "prompts"},
    "prompts/<str:name>/versions/<int:number>": {"GET": "prompts", "PATCH": "prompts"},
    "prompts/<str:name>": {"GET": "prompts"},
    "guardrails": {"GET": "guardrails"},
    "guardrails/check": {"POST": "guardrails"},
    "library/guardrails": {"GET": "guardrails", "POST": "guardrails"},
    "library/guardrails/<str:name>": {"GET": "guardrails"},
    "library/guardrails/<str:name>/deactivate": {"POST": "guardrails"},
    "library/guardrails/<str:name>/<int:number>/activate": {"POST": "guardrails"},
    "library/guardrails/<str:name>/<int:number>/backtests": {"GET": "guardrails", "POST": "guardrails"},
    "library/entries": {"GET": "prompts", "POST": "prompts"},
    "library/entries/<str:entry_id>": {"GET": "prompts", "DELETE": "prompts"},
    "library/entries/<str:entry_id>/adopt": {"POST": "prompts"},
    "response-templates": {"GET": "prompts"},
    "exports/fine-tune.jsonl": {"GET": "read"},
    "assignments": {"POST": "prompts"},
    "ruleset": {"GET": "prompts"},
    "comparisons": {"GET": "read"},
    "experiments": {"GET": "experiments", "POST": "experiments"},
    "experiments/<str:experiment_id>": {"GET": "experiments"},
    "experiments/<str:experiment_id>/results": {"GET": "experiments"},
    "experiments/<str:experiment_id>/start": {"POST": "experiments"},
    "experiments/<str:experiment_id>/pause": {"POST": "experiments"},
    "experiments/<str:experiment_id>/stop": {"POST": "experiments"},
    "experiments/<str:experiment_id>/approve": {"POST": "experiments"},
    "rollouts": {"GET": "experiments", "POST": "experiments"},
    "rollouts/<str:experiment_id>": {"GET": "experiments"},
    "rollouts/<str:experiment_id>/start": {"POST": "experiments"},
    "rollouts/<str:experiment_id>/advance": {"POST": "experiments"},
    "rollouts/<str:experiment_id>/pause": {"POST": "experiments"},
    "rollouts/<str:experiment_id>/rollback": {"POST": "experiments"},
    "improvements": {"GET": "experiments", "POST": "experiments"},
    "improvements/<str:improvement_id>": {"GET": "experiments"},
    "improvements/<str:improvement_id>/drafts": {"POST": "experiments"},
    "improvements/<str:improvement_id>/probes": {"GET": "experiments", "POST": "experiments"},
    "improvements/<str:improvement_id>/approve": {"POST": "experiments"},
    "improvements/<str:improvement_id>/reject": {"POST": "experiments"},
    "improvements/<str:improvement_id>/start": {"POST": "experiments"},
    "improvements/<str:improvement_id>/retire": {"POST": "experiments"},
    "roi/model": {"GET": "reports", "PUT": "reports"},
    "roi/reports": {"GET": "reports", "POST": "reports"},
    "roi/reports/<str:report_id>.<str:form>": {"GET": "reports"},
    "roi/reports/<str:report_id>": {"GET": "reports"},
    "cycles": {"GET": "read", "POST": "experiments"},
    "cycles/config": {"GET": "read", "PUT": "admin"},
    "cycles/<str:cycle_id>": {"GET": "read"},
    "cycles/<str:cycle_id>/retry": {"POST": "experiments"},
    "audit-events": {"GET": "admin"},
    "webhooks": {"GET": "admin", "POST": "admin"},
    "webhooks/<str:webhook_id>/rotate": {"POST": "admin"},
    "webhooks/<str:webhook_id>/enable": {"POST": "admin"},
    "webhooks/<str:webhook_id>/deliveries": {"GET": "admin"},
    "webhooks/<str:webhook_id>/replay": {"POST": "admin"},
    "webhooks/<str:webhook_id>": {"GET": "admin", "DELETE": "admin"},
}
# Describes doors, holds no data.
OPEN = {"openapi.json"}
LINE = {"session_id": "new", "role": "user", "message": "hi", "timestamp": "2026-11-02T10:00:00Z"}
BODIES: dict[tuple[str, str], Any] = {
    ("logs", "POST"): {"records": [LINE]},
    ("outcomes", "POST"): {"session_id": "s", "metric": "csat", "value": 4, "id": "o", "timestamp": LINE["timestamp"]},
    ("applications/<slug:slug>/profile", "PUT"): {"canaries": ["canary-1"]},
    ("models/<slug:purpose>", "PUT"): {"base_url": "https://93.184.216.34/v1", "model": "m"},
    ("sandbox/clock", "POST"): {"at": "2026-12-01T00:00:00Z"},
    ("roi/model", "PUT"): {
        "assumptions": [{"key": "hourly_rate", "value": 75, "owner": "finance", "source": "finance"}]
    },
    ("redaction-policy", "PUT"): {"policy": "drop"},
    ("threat-patterns", "POST"): {"name": "new", "pattern": "glass rain", "type": "jailbreak", "severity": "high"},
    ("verdicts", "POST"): {"session_id": "s", "verdict": "attack"},
    ("cycles/config", "PUT"): {"schedule": "weekly"},
    ("alerts", "PUT"): {"team": "product"},
    ("insights/<str:insight_id>/assign", "POST"): {"team": "product"},
    ("insights/<str:insight_id>/comments", "POST"): {"text": "I look into it."},
    ("webhooks", "POST"): {"url": "https://hooks.example.test/flywheel", "events": ["insight.opened"]},
    ("webhooks/<str:webhook_id>/replay", "POST"): {"since": "2026-11-01T00:00:00Z"},
    ("assignments", "POST"): {"experiment": "x_unknown", "unit": "u"},
    ("guardrails/check", "POST"): {"text": "hello", "application": "ours-app"},
    ("library/guardrails", "POST"): {"name": "new", "sanitise": True},
    ("prompts", "POST"): {"name": "new", "prompt": "Be kind."},
    ("prompts/<str:name>/versions", "POST"): {"prompt": "Be brief."},
    ("prompts/<str:name>/versions/<int:number>", "PATCH"): {"labels": ["staging"]},
}
# The library belongs to the organization: a key of one application reads and writes it too.
SHARED = {
    door for door in DOORS if door.startswith(("prompts", "experiments", "rollouts", "library", "threat-patterns"))
}
BY_ID = [door for door in DOORS if "<" in door]


def call(key: str, method: str, door: str, house: House, query: str = "", **headers: str) -> HttpResponse:
    path = door
    named = house.ids | {"session_id": "s"}
    for part in re.findall(r"<\w+:(\w+)>", door):
        path = re.sub(rf"<\w+:{part}>", str(named[part]), path)
    body = BODIES.get((door, method), {"application": house.ids["slug"]})
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    return Client().generic(
        method, f"/api/v1/{path}{query}", orjson.dumps(body), content_type="application/json", headers=headers
    )


def calls(key: str, house: House) -> Iterator[tuple[str, str, HttpResponse]]:
    for door, methods in DOORS.items():
        for method in methods:
            yield door, method, call(key, method, door, house, f"?application={house.ids['slug']}")


def state(house: House) -> list[Any]:
    """Return what nobody else may change."""
    with tenant(house.organization.id):
        return [
            list(model.objects.order_by("id").values())
            for model in (
                Application,
                Batch,
                Conversation,
                Outcome,
                Assessment,
                EvaluationRun,
                Experiment,
                Improvement,
                Insight,
                Comment,
                Cycle,
                CycleConfig,
                Prompt,
                PromptVersion,
                LabelAssignment,
                Guardrail,
                GuardrailActivation,
                Backtest,
                ResponseTemplate,
                WebhookEndpoint,
                OutboxEvent,
                Assumption,
                Report,
                ThreatPattern,
                VerdictLabel,
                Calibration,
            )
        ]


@pytest.fixture
def ours() -> House:
    return make_house("ours")


@pytest.fixture
def theirs() -> House:
    return make_house("theirs")


def test_every_address_is_listed_with_the_scope_it_needs() -> None:
    callbacks = {str(pattern.pattern): pattern.callback for pattern in api_urls.urlpatterns}  # type: ignore[union-attr]
    views = {door: getattr(callback, "cls", None) or callback.view_class for door, callback in callbacks.items()}  # type: ignore[union-attr]

    assert set(views) == set(DOORS) | OPEN, "list the new address, and the scope it needs"
    assert {door: views[door].scopes for door in DOORS} == DOORS


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_its_own_doors_and_no_other(ours: House, scope: str) -> None:
    key = make_key(ours.organization, scope)

    refused = {(door, method) for door, method, answer in calls(key, ours) if answer.status_code == 403}

    assert refused == {(door, method) for door in DOORS for method, needed in DOORS[door].items() if needed != scope}


def test_no_key_a_wrong_one_and_a_revoked_one_open_nothing(ours: House) -> None:
    revoked = make_key(ours.organization)
    services.revoke_key(
        organization_id=ours.organization.id, prefix=revoked.split("_")[2], at=clock.wall(), actor="test"
    )

    answers = {answer.status_code for key in ("", f"{revoked}x", revoked) for _, _, answer in calls(key, ours)}

    assert answers == {401}


def test_another_organizations_ids_are_not_there_and_stay_as_they_are(ours: House, theirs: House) -> None:
    key, before = make_key(ours.organization, *SCOPES), state(theirs)

    read = {door: call(key, "GET", door, theirs).status_code for door in BY_ID if "GET" in DOORS[door]}
    # The session's name is no secret: both have one. Theirs is not what is read.
    conversation = call(key, "GET", "conversations/<path:session_id>", ours).json()
    for door, methods in DOORS.items():
        for method in methods:
            call(key, method, door, theirs, f"?application={theirs.ids['slug']}")

    assert read | {"conversations/<path:session_id>": 404} == dict.fromkeys(read, 404)
    assert conversation["session_id"] == "s"
    assert state(theirs) == before


def test_an_organization_named_in_body_header_or_query_is_ignored(ours: House, theirs: House) -> None:
    key, before = make_key(ours.organization, "ingest"), state(theirs)
    named = {"organization": "theirs", "organization_id": theirs.organization.id}

    answer = Client().post(
        f"/api/v1/logs?application=named&organization=theirs&organization_id={theirs.organization.id}",
        {"records": [{**LINE, **named, "metadata": named}], **named},
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}", "X-Organization": "theirs", "X-Forwarded-Host": "theirs"},
    )

    assert answer.status_code == 202
    assert state(theirs) == before
    with tenant(ours.organization.id):
        assert Batch.objects.filter(application__slug="named").count() == 1


def test_a_key_of_one_application_sees_no_other(ours: House) -> None:
    other = make_application(ours.organization, "other")
    key = make_key(ours.organization, *SCOPES, application=other)
    with tenant(ours.organization.id):
        before = list(Application.objects.filter(slug="ours-app").values())

    opened = {
        (door, method): answer.status_code
        for door, method, answer in calls(key, ours)
        if "<" in door and door not in SHARED and answer.status_code not in (403, 404)
    }

    assert opened == {}
    with tenant(ours.organization.id):
        assert list(Application.objects.filter(slug="ours-app").values()) == before


def test_every_refusal_is_a_problem_with_a_code_and_the_requests_id(ours: House) -> None:
    keys = ("", make_key(ours.organization, "guardrails"))
    answers = [answer for key in keys for _, _, answer in calls(key, ours) if answer.status_code in (401, 403)]

    assert {answer.headers["Content-Type"] for answer in answers} == {"application/problem+json"}
    assert all(answer.json()["code"] and answer.json()["request_id"] for answer in answers)
