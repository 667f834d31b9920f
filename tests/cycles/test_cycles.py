"""The wheel: one cycle a slot, stages once each, failures tried again by themselves, faults told to the line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.cycles import loop
from apps.cycles.models import Cycle, Schedule, StageRun
from apps.cycles.services import configuring, scheduling, turning
from apps.cycles.stages.values import Did, Turn
from apps.evaluations.models import EvaluationRun
from apps.evaluations.services import runs
from apps.ingestion.models import Batch, CaptureSource
from apps.ingestion.services import storing, watching
from apps.organizations.models import Application, Organization
from apps.organizations.services import move_clock
from apps.platform import work
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from tests.factories import capture, make_application, make_key, make_organization
from tests.portal.world import make_member

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
WEEKLY = "schedule: weekly\nstages:\n  measure: {metrics: [block_rate_improvement, business_outcomes]}\n"


def call(organization: Organization, method: str, path: str, body: Any = None, scopes: tuple[str, ...] = ()) -> Any:
    headers = {"Authorization": f"Bearer {make_key(organization, *(scopes or ('read', 'admin', 'experiments')))}"}
    data = body if isinstance(body, str) else json.dumps(body or {})
    kind = "application/yaml" if isinstance(body, str) else "application/json"
    return Client().generic(method, f"/api/v1{path}", data, content_type=kind, headers=headers)


@pytest.fixture
def sandbox() -> Organization:
    organization = make_organization(sandbox=True, clock_at=MONDAY)
    make_application(organization)
    return organization


def capture_at(
    organization: Organization, at: datetime, sessions: int, reply: str = "Open Settings, then Export."
) -> None:
    capture(organization, [
        {"session_id": f"{at:%d%H}-{n}", "role": role, "message": words, "timestamp": at.isoformat()}
        for n in range(sessions)
        for role, words in (("user", "How do I export my data?"), ("assistant", reply))
    ])  # fmt: skip


def work_off(organization: Organization) -> None:
    """Do what the cycle asked of others, and then the cycle, until nothing of it waits."""
    while asked := WorkItem.objects.filter(kind__in=["cycles.turn", "evaluations.run"], parked_reason="").first():
        asked.delete()
        act = {
            "cycles.turn": lambda key: turning.go_on(organization_id=organization.id, cycle_id=key),
            "evaluations.run": lambda key: runs.go_on(organization_id=organization.id, run_id=key),
        }[asked.kind]
        act(asked.key)


def test_a_cycle_turns_every_stage_once_over_the_time_since_the_last(sandbox: Organization) -> None:
    assert call(sandbox, "PUT", "/cycles/config?application=support", WEEKLY).status_code == 200
    capture_at(sandbox, MONDAY + timedelta(hours=5), sessions=40)
    move_clock(organization_id=sandbox.id, to=MONDAY + timedelta(days=7, hours=3), actor="test", at=MONDAY)

    assert scheduling.start_due(at=MONDAY) == 1
    work_off(sandbox)
    cycle = call(sandbox, "GET", "/cycles?application=support").json()["results"][0]
    told = call(sandbox, "GET", f"/cycles/{cycle['id']}").json()

    assert (told["status"], told["started_by"]) == ("finished", "schedule")
    assert (told["since"], told["until"]) == ("2026-11-02T02:00:00Z", "2026-11-09T02:00:00Z")
    assert [(stage["name"], stage["status"]) for stage in told["stages"]] == [(name, "done") for name in loop.WHEEL]
    figures = {stage["name"]: stage["figures"] for stage in told["stages"]}
    assert figures["capture"]["conversations"] == figures["analyze"]["conversations"] == 40
    assert figures["insights"]["degradation"]["avg_quality_score"]["status"] == "warming up"
    assert figures["measure"]["metrics"]["escalation_rate"] == {
        "value": 0, "interval": pytest.approx([0, 0.0876], abs=1e-3), "baseline": None, "unit": "fraction", "n": 40,
    }  # fmt: skip
    assert figures["measure"]["metrics"]["upsell_rate"] == {
        "value": None, "interval": None, "baseline": None, "unit": "fraction", "n": 0,
    }  # fmt: skip
    assert figures["measure"]["metrics"]["block_rate_improvement"]["value"] is None
    assert figures["measure"]["business_outcomes"]["upsells"] == 0
    assert told["next"] == [{"what": "the next cycle", "at": "2026-11-16T02:00:00Z"}]


def test_the_first_cycle_looks_at_the_newest_month_that_was_captured(sandbox: Organization) -> None:
    for at in (MONDAY - timedelta(days=120), MONDAY - timedelta(days=70), MONDAY - timedelta(days=60)):
        capture_at(sandbox, at, sessions=1)
    move_clock(organization_id=sandbox.id, to=MONDAY + timedelta(hours=3), actor="test", at=MONDAY)

    first = call(sandbox, "POST", "/cycles", {"application": "support"}).json()
    move_clock(organization_id=sandbox.id, to=MONDAY + timedelta(hours=4), actor="test", at=MONDAY)
    asked = call(sandbox, "POST", "/cycles", {"application": "support", "since": "2026-10-01T00:00:00Z"}).json()
    move_clock(organization_id=sandbox.id, to=MONDAY + timedelta(hours=5), actor="test", at=MONDAY)
    following = call(sandbox, "POST", "/cycles", {"application": "support"}).json()
    refused = [
        call(sandbox, "POST", "/cycles", {"application": "support", "since": since})
        for since in ("2026-12-24T00:00:00Z", "2024-01-01T00:00:00Z", "soon", 7)
    ]

    assert [cycle["since"] for cycle in (first, asked, following)] == [
        "2026-08-24T00:00:00Z", "2026-10-01T00:00:00Z", "2026-11-02T04:00:00Z",
    ]  # fmt: skip
    assert [answer.json()["code"] for answer in refused] == ["bad_period", "bad_period", "bad_time", "bad_time"]


def test_a_cycle_says_what_crossed_its_threshold_and_who_stands_for_it(sandbox: Organization) -> None:
    text = "stages:\n  insights: {thresholds: {missing_specific_steps: 90%, escalation_rate: 50%}}\n"
    call(sandbox, "PUT", "/cycles/config?application=support", text)
    capture_at(sandbox, MONDAY, sessions=40, reply="I see.")
    move_clock(organization_id=sandbox.id, to=MONDAY + timedelta(hours=3), actor="test", at=MONDAY)

    scheduling.start_due(at=MONDAY)
    work_off(sandbox)
    cycle = call(sandbox, "GET", "/cycles").json()["results"][0]
    found = next(stage for stage in cycle["stages"] if stage["name"] == "insights")["figures"]["findings"]

    crossed = [each for each in found if each["kind"] == "threshold"]
    assert [(each["metric"], each["value"], each["n"], each["limit"]) for each in crossed] == [
        ("missing_specific_steps", 1.0, 40, 0.9),
    ]  # fmt: skip
    assert len(crossed[0]["evidence"]) > 0


def test_a_turn_leads_to_the_earlier_answer_of_what_it_did_not_propose_again(sandbox: Organization) -> None:
    text = 'stages:\n  improve: {triggers: ["missing_specific_steps > 10%"]}\n'
    call(sandbox, "PUT", "/cycles/config?application=support", text)
    prompt = {"name": "support", "prompt": "Be kind.", "labels": ["production"]}
    call(sandbox, "POST", "/prompts", prompt, scopes=("prompts",))
    capture_at(sandbox, MONDAY, sessions=40, reply="I see.")
    for hours in (3, 4):
        move_clock(organization_id=sandbox.id, to=MONDAY + timedelta(hours=hours), actor="test", at=MONDAY)
        asked = {"application": "support", "since": MONDAY.isoformat()}
        cycle = call(sandbox, "POST", "/cycles", asked).json()["id"]
        work_off(sandbox)
    made = call(sandbox, "GET", "/improvements").json()["results"][0]["id"]
    reader = Client()
    reader.force_login(make_member(sandbox, "owner"), backend="django.contrib.auth.backends.ModelBackend")

    page = reader.get(f"/cycles/{cycle}/").content.decode()

    assert f'not proposed: <a href="/improvements/{made}/" title="{made}">the improvement</a> is proposed' in page


def test_a_turn_that_could_propose_nothing_says_why_and_what_to_do(sandbox: Organization) -> None:
    text = 'stages:\n  improve: {triggers: ["missing_specific_steps > 10%"]}\n'
    call(sandbox, "PUT", "/cycles/config?application=support", text)
    capture_at(sandbox, MONDAY, sessions=40, reply="I see.")
    move_clock(organization_id=sandbox.id, to=MONDAY + timedelta(hours=3), actor="test", at=MONDAY)
    cycle = call(sandbox, "POST", "/cycles", {"application": "support"}).json()["id"]
    reader = Client()
    reader.force_login(make_member(sandbox, "owner"), backend="django.contrib.auth.backends.ModelBackend")

    turning_page = reader.get(f"/cycles/{cycle}/").content.decode()
    work_off(sandbox)
    page = reader.get(f"/cycles/{cycle}/").content.decode()

    assert f'hx-get="/cycles/{cycle}/"' in turning_page
    assert "hx-get" not in page.partition('id="fw-cycle"')[2]
    assert "1 of 1 triggers fired; proposed nothing: no prompt of the library carries the label production" in page
    assert 'href="/library/">put the one you serve in the library' in page


def test_a_slot_has_one_cycle_however_often_the_tick_comes(sandbox: Organization) -> None:
    call(sandbox, "PUT", "/cycles/config?application=support", WEEKLY)
    move_clock(organization_id=sandbox.id, to=MONDAY + timedelta(days=22), actor="test", at=MONDAY)

    started = [scheduling.start_due(at=MONDAY) for _ in range(3)]
    # A beat that died before it moved the schedule on.
    Schedule.objects.update(next_run_at=MONDAY)
    started.append(scheduling.start_due(at=MONDAY))

    assert started == [1, 0, 0, 1]
    with tenant(sandbox.id):
        # Slots missed meanwhile are one cycle.
        assert [cycle.slot for cycle in Cycle.objects.all()] == [MONDAY + timedelta(days=21, hours=2)]


def test_a_stage_that_fails_is_tried_again_and_those_before_it_are_not(
    sandbox: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def breaks(turn: Turn) -> Did:
        calls.append("measure")
        StageRun.objects.filter(stage="capture").update(did="overwritten")
        if calls.count("measure") == 1:
            raise RuntimeError("a word from a log")
        return Did("done at last")

    def counts(turn: Turn) -> Did:
        calls.append("capture")
        return Did("captured")

    monkeypatch.setattr(loop, "WHEEL", {"capture": counts, "measure": breaks})
    cycle_id = call(sandbox, "POST", "/cycles", {"application": "support"}).json()["id"]

    with pytest.raises(RuntimeError):
        turning.go_on(organization_id=sandbox.id, cycle_id=cycle_id)
    with tenant(sandbox.id):
        failed = StageRun.objects.get(stage="measure")
        untouched = StageRun.objects.get(stage="capture").did
    turning.go_on(organization_id=sandbox.id, cycle_id=cycle_id)

    assert (failed.status, failed.attempts, untouched) == ("failed", 1, "captured")
    assert "a word from a log" not in failed.waits_for
    assert calls == ["capture", "measure", "measure"]
    assert call(sandbox, "GET", f"/cycles/{cycle_id}").json()["status"] == "finished"


def test_a_cycle_that_failed_for_good_says_so_and_a_person_has_it_tried_again(sandbox: Organization) -> None:
    cycle_id = call(sandbox, "POST", "/cycles", {"application": "support"}).json()["id"]
    turning.mark_failed(organization_id=sandbox.id, cycle_id=cycle_id)
    work.park("cycles.turn", organization_id=sandbox.id, key=cycle_id, reason="RuntimeError after 5 attempts")

    again = call(sandbox, "POST", f"/cycles/{cycle_id}/retry")
    refused = call(sandbox, "POST", f"/cycles/{cycle_id}/retry")

    assert (again.status_code, again.json()["status"], refused.status_code) == (200, "running", 409)
    assert WorkItem.objects.get(kind="cycles.turn").parked_reason == ""


def test_runs_share_a_period_without_looking_at_a_conversation_twice(sandbox: Organization) -> None:
    for hour in (3, 9, 15, 21):
        capture_at(sandbox, MONDAY + timedelta(hours=hour), sessions=3)
    move_clock(organization_id=sandbox.id, to=MONDAY + timedelta(days=1, hours=2), actor="test", at=MONDAY)

    call(sandbox, "POST", "/cycles", {"application": "support"})
    work_off(sandbox)

    with tenant(sandbox.id):
        done = [run.done for run in EvaluationRun.objects.all()]
    assert (len(done), sum(done)) == (4, 12)


def test_a_configuration_is_kept_in_versions_and_the_same_again_changes_nothing(sandbox: Organization) -> None:
    versions = [
        call(sandbox, "PUT", "/cycles/config?application=support", text).json()["version"]
        for text in (WEEKLY, WEEKLY, "schedule: daily\n")
    ]
    kept = call(sandbox, "GET", "/cycles/config?application=support").json()

    assert versions == [1, 1, 2]
    assert (kept["text"], kept["meaning"]["cron"], kept["next_run_at"]) == (
        "schedule: daily\n", "0 2 * * *", "2026-11-02T02:00:00Z",
    )  # fmt: skip


def test_every_fault_of_a_configuration_is_told_with_its_line_and_nothing_is_kept(sandbox: Organization) -> None:
    answer = call(sandbox, "PUT", "/cycles/config?application=support", "schedule: often\nstages:\n  capure: {}\n")

    assert answer.status_code == 422
    assert [fault["line"] for fault in answer.json()["faults"]] == [1, 3]
    assert call(sandbox, "GET", "/cycles/config?application=support").json()["version"] == 0


@pytest.mark.parametrize(
    "section",
    [
        "capture: {source: 's3://bucket/*.jsonl'}",
        "capture: {source: /var/log/*.jsonl}",
        'deploy: {success_criteria: ["quality_improvement > 5%", "churn_prevented > 3"]}',
    ],
)
def test_what_this_server_would_not_do_is_refused_rather_than_kept(sandbox: Organization, section: str) -> None:
    answer = call(sandbox, "PUT", "/cycles/config?application=support", f"stages:\n  {section}\n")

    assert answer.status_code == 422
    assert answer.json()["faults"][0]["line"] == 2


def test_capture_reads_the_files_of_the_configuration_before_it_counts(
    sandbox: Organization, tmp_path: Path, settings: Any
) -> None:
    settings.CAPTURE_ROOT = str(tmp_path)
    logs = tmp_path / sandbox.slug / "logs"
    logs.mkdir(parents=True)
    said = {"session_id": "s", "role": "user", "message": "hello", "timestamp": "2026-11-01T10:00:00Z"}
    (logs / "a.jsonl").write_text(json.dumps(said) + "\n")
    (logs / "b.json").write_text("[")

    saved = call(
        sandbox, "PUT", "/cycles/config?application=support",
        "schedule: weekly\nstages:\n  capture: {source: 'logs/*', retention: 7 days}\n",
    )  # fmt: skip
    cycle_id = call(sandbox, "POST", "/cycles", {"application": "support"}).json()["id"]
    turning.go_on(organization_id=sandbox.id, cycle_id=cycle_id)
    waiting = call(sandbox, "GET", f"/cycles/{cycle_id}").json()["stages"][0]
    with tenant(sandbox.id):
        source = CaptureSource.objects.get()
        kept = Application.objects.get().retention_days
    watching.look(organization_id=sandbox.id, source_id=source.id)
    with tenant(sandbox.id):
        batch_id = Batch.objects.get().public_id
    storing.store_batch(organization_id=sandbox.id, batch_id=batch_id)
    turning.go_on(organization_id=sandbox.id, cycle_id=cycle_id)
    done = call(sandbox, "GET", f"/cycles/{cycle_id}").json()["stages"][0]

    assert (saved.status_code, kept) == (200, 7)
    assert (waiting["status"], done["status"]) == ("waiting", "done")
    assert done["figures"]["conversations"] == 1
    assert "1 watched files have something that could not be read" in done["unexpected"][0]
    call(sandbox, "PUT", "/cycles/config?application=support", "schedule: weekly\n")
    with tenant(sandbox.id):
        assert CaptureSource.objects.get().watched is False
        assert Application.objects.get().retention_days is None


def test_staging_and_success_criteria_are_kept(sandbox: Organization) -> None:
    deploy = (
        "{targets: [staging_environment, production_rollout: 10%], rollout_percentage: 10, staging_test: true,"
        ' success_criteria: ["quality_improvement > 5%", no_new_security_issues]}'
    )

    answer = call(sandbox, "PUT", "/cycles/config?application=support", f"stages:\n  deploy: {deploy}\n")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "schedule: !!python/object/apply:os.system ['true']\n",
        "schedule: &s daily\nstages: *s\n", "schedule: !daily x\n",
    ],
)  # fmt: skip
def test_aliases_bombs_and_tags_are_refused(sandbox: Organization, text: str) -> None:
    answer = call(sandbox, "PUT", "/cycles/config?application=support", text)

    assert answer.status_code == 422


def test_a_configuration_saved_in_a_zone_turns_by_its_clock(sandbox: Organization) -> None:
    Organization.objects.filter(id=sandbox.id).update(zone="America/New_York")
    sandbox.refresh_from_db()
    with tenant(sandbox.id):
        application = make_application(sandbox)
        configuring.save_configuration(
            organization=sandbox, application=application, text="schedule: daily at 6:00 PM", at=MONDAY, actor="test"
        )

    assert Schedule.objects.get().next_run_at == MONDAY + timedelta(hours=23)


def test_a_stranger_sees_no_cycle_and_no_configuration(sandbox: Organization) -> None:
    cycle_id = call(sandbox, "POST", "/cycles", {"application": "support"}).json()["id"]
    stranger = make_organization()

    assert call(stranger, "GET", f"/cycles/{cycle_id}").status_code == 404
    assert call(stranger, "POST", f"/cycles/{cycle_id}/retry").status_code == 404
    assert call(stranger, "GET", "/cycles").json()["results"] == []
    assert call(stranger, "GET", "/cycles/config?application=support").status_code == 404
    assert call(stranger, "POST", "/cycles", {}).status_code == 422
