"""Evaluation runs: progress that moves with the results, cancel, resume, poison conversations."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.evaluations.analyzers import Suite
from apps.evaluations.models import Assessment, ConversationFact, EvaluationRun
from apps.evaluations.services import assessing, runs
from apps.ingestion.models import Conversation
from apps.organizations.models import Application, Organization
from apps.platform import clock
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from tests.factories import capture, make_key, make_organization

pytestmark = pytest.mark.django_db


def capture_sessions(organization: Organization, sessions: int, application: str = "support") -> str:
    records = [
        {"session_id": f"s{n}", "role": role, "message": f"{role} says {n}", "timestamp": at}
        for n in range(sessions)
        for role, at in (("user", "2026-11-02T10:00:00Z"), ("assistant", "2026-11-02T10:00:05Z"))
    ]
    return capture(organization, records, application)


def call(organization: Organization, method: str, path: str, body: Any = None, **headers: str) -> Any:
    headers["Authorization"] = f"Bearer {make_key(organization)}"
    data = json.dumps(body) if body is not None else ""
    return Client().generic(method, f"/api/v1{path}", data, content_type="application/json", headers=headers)


def test_a_run_looks_at_every_conversation_once_and_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    organization = make_organization()
    capture_sessions(organization, 5)
    monkeypatch.setattr(runs, "SHARD", 2)
    asked = call(organization, "POST", "/evaluation-runs", {"application": "support"})
    run_id = asked.json()["id"]
    before = call(organization, "GET", f"/evaluation-runs/{run_id}").json()

    with tenant(organization.id):
        assert runs._step(organization, run_id)
    half = call(organization, "GET", f"/evaluation-runs/{run_id}").json()
    runs.go_on(organization_id=organization.id, run_id=run_id)
    after = call(organization, "GET", f"/evaluation-runs/{run_id}").json()

    assert (asked.status_code, before["status"]) == (202, "queued")
    assert (half["status"], half["progress"]) == ("running", {"total": 5, "done": 2, "failed": 0})
    assert half["eta_seconds"] >= 0
    assert (after["status"], after["progress"]) == ("finished", {"total": 5, "done": 5, "failed": 0})
    assert after["summary"]["conversations"] == 5


def test_a_cancelled_run_stops_and_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    organization = make_organization()
    capture_sessions(organization, 4)
    monkeypatch.setattr(runs, "SHARD", 2)
    run_id = call(organization, "POST", "/evaluation-runs", {"application": "support"}).json()["id"]
    with tenant(organization.id):
        runs._step(organization, run_id)

    cancelled = call(organization, "POST", f"/evaluation-runs/{run_id}/cancel").json()
    runs.go_on(organization_id=organization.id, run_id=run_id)
    ended = call(organization, "POST", f"/evaluation-runs/{run_id}/cancel").json()

    assert cancelled["status"] == "cancelling"
    assert (ended["status"], ended["progress"]["done"]) == ("cancelled", 2)


def test_a_run_of_the_outdated_looks_again_at_what_other_analyzers_said_or_time_has_settled() -> None:
    organization = make_organization()
    capture_sessions(organization, 6)
    with tenant(organization.id):
        known = list(ConversationFact.objects.order_by("conversation_id"))
        at = Assessment.objects.latest("assessed_at").assessed_at
        newer, settled, nobody = (fact.conversation_id for fact in known[:3])
        Conversation.objects.filter(id=newer).update(content_version=9)
        Assessment.objects.filter(conversation_id=settled).update(settles_at=at - timedelta(days=1))
        ConversationFact.objects.filter(conversation_id=nobody).update(analyzers=None)
        Assessment.objects.exclude(conversation_id=settled).update(settles_at=None, assessed_at=at - timedelta(days=9))

    def look() -> tuple[dict[str, Any], set[int]]:
        before = clock.wall()
        asked = {"application": "support", "only_outdated": True}
        run_id = call(organization, "POST", "/evaluation-runs", asked).json()["id"]
        runs.go_on(organization_id=organization.id, run_id=run_id)
        with tenant(organization.id):
            again = set(Assessment.objects.filter(assessed_at__gte=before).values_list("conversation_id", flat=True))
        return call(organization, "GET", f"/evaluation-runs/{run_id}").json()["summary"], again

    outdated = look()
    nothing = look()
    with tenant(organization.id):
        Application.objects.update(profile={"system_prompt": "Be kind."})
    everything = look()

    assert (outdated[0]["conversations"], outdated[0]["current"], outdated[1]) == (6, 3, {newer, settled, nobody})
    assert (nothing[0]["conversations"], nothing[0]["current"], nothing[1]) == (6, 6, set())
    assert (everything[0]["current"], len(everything[1])) == (0, 6)


def test_a_samples_summary_counts_the_sample_and_nothing_else() -> None:
    organization = make_organization()
    capture_sessions(organization, 40)
    asked = {"application": "support", "sample": "50%"}
    run_id = call(organization, "POST", "/evaluation-runs", asked).json()["id"]

    runs.go_on(organization_id=organization.id, run_id=run_id)

    summary = call(organization, "GET", f"/evaluation-runs/{run_id}").json()["summary"]
    with tenant(organization.id):
        assert ConversationFact.objects.filter(quality_score__isnull=False).count() == 40
    assert 5 < summary["conversations"] < 35
    assert summary["scored"] == summary["conversations"]


def test_a_sample_and_a_period_choose_the_same_conversations_every_time() -> None:
    organization = make_organization()
    capture_sessions(organization, 40)
    ids = [
        call(organization, "POST", "/evaluation-runs", {"application": "support", "sample": "50%"}).json()["id"]
        for _ in range(2)
    ]
    later = {"application": "support", "since": "2026-11-03"}
    ids.append(call(organization, "POST", "/evaluation-runs", later).json()["id"])

    for run_id in ids:
        runs.go_on(organization_id=organization.id, run_id=run_id)
    done = [call(organization, "GET", f"/evaluation-runs/{run_id}").json()["progress"]["done"] for run_id in ids]

    assert done[0] == done[1]
    assert 8 <= done[0] <= 32
    assert done[2] == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "Name the application"),
        ({"application": "support", "analyzers": ["astrology"]}, "no analyzer 'astrology'"),
        ({"application": "support", "sample": 0}, "share"),
        ({"application": "support", "sample": "much"}, "percentage"),
        ({"application": "support", "since": "yesterday"}, "ISO 8601"),
        ({"application": "support", "since": "2026-11-03", "until": "2026-11-01"}, "before"),
        ({"application": "support", "speed": 11}, "speed"),
    ],
)
def test_a_run_that_cannot_be_is_refused_with_the_reason(body: dict[str, Any], words: str) -> None:
    organization = make_organization()
    capture_sessions(organization, 1)

    answer = call(organization, "POST", "/evaluation-runs", body)

    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    with tenant(organization.id):
        assert not EvaluationRun.objects.exists()


def test_a_repeated_request_under_one_key_is_one_run_and_a_stranger_sees_none() -> None:
    organization, stranger = make_organization(), make_organization()
    capture_sessions(organization, 1)
    body = {"application": "support"}

    first, again = (
        call(organization, "POST", "/evaluation-runs", body, **{"Idempotency-Key": "k"}).json() for _ in range(2)
    )

    assert first["id"] == again["id"]
    assert call(organization, "GET", "/evaluation-runs").json()["results"][0]["id"] == first["id"]
    assert call(stranger, "GET", "/evaluation-runs").json()["results"] == []
    assert call(stranger, "GET", f"/evaluation-runs/{first['id']}").status_code == 404
    assert call(stranger, "POST", f"/evaluation-runs/{first['id']}/cancel").status_code == 404
    assert call(stranger, "POST", "/evaluation-runs", body).status_code == 404


def test_a_poison_conversation_is_parked_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    organization = make_organization()
    analyze = Suite.analyze

    def fail_on_three(self: Suite, conversation: Any, *, at: datetime) -> Any:
        assert conversation.session_id != "s3", "secret words of the conversation"
        return analyze(self, conversation, at=at)

    monkeypatch.setattr(Suite, "analyze", fail_on_three)
    batch_id = capture_sessions(organization, 6)
    parked = WorkItem.objects.get(organization=organization, kind="evaluations.assess_one")
    status = call(organization, "GET", f"/batches/{batch_id}").json()["status"]
    with tenant(organization.id):
        assessed = Assessment.objects.values("conversation").distinct().count()
    monkeypatch.setattr(Suite, "analyze", analyze)
    assessing.assess_one(organization_id=organization.id, conversation_id=int(parked.key))

    assert (status, assessed) == ("analyzed", 5)
    assert parked.parked_reason == "AssertionError while analyzing s3"
    with tenant(organization.id):
        assert Assessment.objects.values("conversation").distinct().count() == 6


def test_a_second_look_leaves_metrics_as_they_were() -> None:
    organization = make_organization()
    capture_sessions(organization, 3)
    before = call(organization, "GET", "/metrics").json()
    run_id = call(organization, "POST", "/evaluation-runs", {"application": "support"}).json()["id"]

    runs.go_on(organization_id=organization.id, run_id=run_id)

    assert call(organization, "GET", "/metrics").json() == before
