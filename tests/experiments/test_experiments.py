"""An experiment lived through: fetched, echoed, measured, decided, and undone."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.experiments import serving
from apps.experiments.models import Decision, Experiment, Exposure, Snapshot
from apps.experiments.services import exposing
from apps.library.selectors import serving_prompts
from apps.organizations.models import AuditEvent
from apps.platform import clock
from apps.platform.tenancy import tenant
from tests.experiments.world import PLAN, World
from tests.factories import AT, make_key

pytestmark = pytest.mark.django_db
SAID = [("user", "My invoice is wrong."), ("assistant", "I have mended it.")]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    serving.pictures.forget()
    exposing.forget()
    yield
    serving.pictures.forget()


@pytest.fixture
def world() -> World:
    return World()


def test_a_better_prompt_is_found_promoted_and_served(world: World) -> None:
    experiment = world.begin()
    world.talk(400, escalated={"control": 0.4, "brief": 0.08})
    assert world.tick(experiment).state == "running"
    world.pass_time(days=2, hours=1)

    assert world.tick(experiment).state == "promoted"

    results = world.get(f"experiments/{experiment}/results")
    (comparison,) = results["comparisons"]
    assert (results["state"], results["winner"], comparison["verdict"]) == ("promoted", "brief", "treatment")
    assert comparison["interval"][1] < 0 < 400 == sum(each["units"] for each in results["variants"])
    assert [each["exposures"] for each in results["variants"]] == [each["units"] for each in results["variants"]]
    served = world.get("prompts/support?unit=somebody-new")
    assert (served["version"], served["assignment"], served["labels"]) == (2, None, ["production"])
    assert world.post("assignments", {"experiment": experiment, "unit": "x"})["variant"] == "brief"


def test_the_list_says_how_many_promotions_are_expected_to_be_wrong(world: World) -> None:
    assert world.get("experiments")["false_promotions_a_year"] == {"expected_at_most": 0, "experiments": 0}

    world.begin(alpha=0.1)

    assert world.get("experiments")["false_promotions_a_year"] == {"expected_at_most": 0.1, "experiments": 1}


def test_results_are_frozen_at_the_decision(world: World) -> None:
    experiment = world.begin()
    world.talk(400, escalated={"control": 0.4, "brief": 0.08})
    world.pass_time(days=3)
    world.tick(experiment)
    before = world.get(f"experiments/{experiment}/results")

    with tenant(world.organization.id):
        Exposure.objects.all().delete()

    assert world.get(f"experiments/{experiment}/results") == before


def test_no_difference_ends_without_a_winner_and_everybody_keeps_what_they_had(world: World) -> None:
    experiment = world.begin()
    world.talk(400, escalated={"control": 0.2, "brief": 0.2})
    world.pass_time(days=3)

    assert world.tick(experiment).state == "no_winner"
    assert world.get("prompts/support?unit=user-1")["version"] == 1


def test_harm_rolls_back_at_once_without_anybodys_approval(world: World) -> None:
    guard = [{"metric": "escalation_rate", "role": "harm_only"}]
    experiment = world.begin(metric="quality_score", guardrails=guard, approval="two")
    world.talk(400, escalated={"control": 0.05, "brief": 0.5})

    row = world.tick(experiment)

    assert (row.state, "harms escalation rate: worse by at least" in row.reason) == ("rolled_back", True)
    assert {world.get(f"prompts/support?unit=user-{n}")["version"] for n in range(8)} == {1}
    with tenant(world.organization.id):
        assert serving_prompts()["support"].labels == {"production": 1}


def test_two_different_people_approve_and_one_person_counts_once(world: World) -> None:
    experiment = world.begin(approval="two")
    world.talk(400, escalated={"control": 0.4, "brief": 0.08})
    world.pass_time(days=3)
    assert world.tick(experiment).state == "awaiting_approval"

    world.post(f"experiments/{experiment}/approve", {"reason": "good"})
    assert world.post(f"experiments/{experiment}/approve", {})["state"] == "awaiting_approval"
    world.key = make_key(world.organization, "prompts", "experiments")
    assert world.post(f"experiments/{experiment}/approve", {})["state"] == "promoted"


def test_lost_logs_of_one_arm_hold_the_experiment(world: World) -> None:
    experiment = world.begin()
    world.talk(300, escalated={"control": 0.3, "brief": 0.1})
    with tenant(world.organization.id):
        from apps.evaluations.models import FactAssignment

        lost = FactAssignment.objects.filter(assignment_id__contains=".1.").values_list("id", flat=True)[:110]
        FactAssignment.objects.filter(id__in=list(lost)).delete()
    world.pass_time(days=3)

    row = world.tick(experiment)

    assert (row.state, row.reason.split(" (")[0]) == ("invalid", "sample-ratio mismatch in units")


def test_an_invalid_experiment_begins_a_new_phase_that_deals_anew(world: World) -> None:
    experiment = world.begin()
    first = [world.get(f"prompts/support?unit=user-{n}")["assignment"] for n in range(12)]
    with tenant(world.organization.id):
        Experiment.objects.update(state="invalid")

    world.post(f"experiments/{experiment}/start", {})

    second = [world.get(f"prompts/support?unit=user-{n}")["assignment"] for n in range(12)]
    assert {one["assignment_id"] for one in first}.isdisjoint(two["assignment_id"] for two in second)
    assert [one["variant"] for one in first] != [two["variant"] for two in second]


def test_a_moved_label_holds_the_experiment(world: World) -> None:
    experiment = world.begin()
    world.call("PATCH", "prompts/support/versions/2", {"labels": ["production"]})

    assert world.tick(experiment).state == "invalid"


def test_an_assignment_is_sticky_signed_and_can_be_checked(world: World) -> None:
    world.begin()
    one, two = (world.get("prompts/support?unit=ada") for _ in range(2))
    assert one == two

    key = hashlib.sha256(world.key.encode()).hexdigest()
    said = "\n".join([one["name"], one["served_hash"], one["assignment"]["assignment_id"]])
    assert one["signature"] == hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest()


def test_what_has_not_changed_is_not_sent_again(world: World) -> None:
    answer = world.call("GET", "prompts/support")
    again = world.call("GET", "prompts/support", **{"If-None-Match": answer.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert answer.headers["Cache-Control"] == "private, max-age=10, stale-while-revalidate=600"
    assert answer.headers["Vary"] == "Authorization"


def test_without_a_unit_or_for_another_label_no_assignment_is_made(world: World) -> None:
    world.begin()
    world.call("PATCH", "prompts/support/versions/2", {"labels": ["staging"]})

    answers = [world.get(f"prompts/support{query}") for query in ("", "?label=staging&unit=a", "?version=2&unit=a")]

    assert [(each["version"], each["assignment"]) for each in answers] == [(1, None), (2, None), (2, None)]
    assert world.get("prompts/support?label=latest")["version"] == 2


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("prompts/absent", 404, "no such prompt"),
        ("prompts/support?label=nobody", 404, "labels that stand: production"),
        ("prompts/support?version=9", 404, ""),
        ("prompts/support?version=one", 422, "number of a version"),
        ("prompts/support?unit=" + "u" * 201, 422, "at most 200"),
        ("prompts/support?unit=a%00b", 400, ""),
    ],
)
def test_what_cannot_be_served_is_said(world: World, path: str, status: int, words: str) -> None:
    answer = world.call("GET", path)

    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_a_ramp_takes_its_steps_and_moves_nobody_between_arms(world: World) -> None:
    steps = [{"percent": 10, "min_hours": 24}, {"percent": 50}]
    experiment = world.begin(steps=steps, min_days=7)
    names = [f"user-{n}" for n in range(60)]
    before = {name: world.get(f"prompts/support?unit={name}")["assignment"] for name in names}
    world.pass_time(hours=25)

    assert world.tick(experiment).step == 1

    after = {name: world.get(f"prompts/support?unit={name}")["assignment"] for name in names}
    kept = {name: each for name, each in before.items() if each}
    assert 0 < len(kept) < len(names)
    assert kept.items() <= after.items()
    assert all(after.values())


def test_a_rollout_reaches_everybody_and_moves_the_label(world: World) -> None:
    steps = [{"percent": 25, "min_hours": 1}, {"percent": 100, "approval": True}]
    made = world.post("rollouts", {"prompt": "support", "to_version": 2, "steps": steps})
    world.post(f"rollouts/{made['id']}/start", {})
    world.pass_time(hours=2)
    assert world.tick(made["id"]).step == 1
    assert {world.get(f"prompts/support?unit=u{n}")["version"] for n in range(9)} == {2}
    world.pass_time(seconds=15)
    assert "approval" in world.tick(made["id"]).needs

    world.post(f"rollouts/{made['id']}/advance", {})

    assert world.tick(made["id"]).state == "promoted"
    with tenant(world.organization.id):
        assert serving_prompts()["support"].labels == {"production": 2}


def test_a_rollout_rolled_back_leaves_exactly_what_was_there(world: World) -> None:
    with tenant(world.organization.id):
        before = serving_prompts()
    made = world.post("rollouts", {"prompt": "support", "to_version": 2, "steps": [{"percent": 50}]})
    world.post(f"rollouts/{made['id']}/start", {})
    world.post(f"rollouts/{made['id']}/rollback", {"reason": "complaints"})

    with tenant(world.organization.id):
        assert serving_prompts() == before
    assert {world.get(f"prompts/support?unit=u{n}")["version"] for n in range(9)} == {1}
    assert world.call("POST", f"rollouts/{made['id']}/start", {}).json()["code"] == "wrong_state"


def test_the_kill_switch_is_audited_and_final(world: World) -> None:
    experiment = world.begin()
    world.post(f"experiments/{experiment}/stop", {"reason": "wrong wording"})

    assert world.get("prompts/support?unit=a")["assignment"] is None
    assert world.call("POST", f"experiments/{experiment}/start", {}).status_code == 409
    newest = AuditEvent.objects.filter(organization=world.organization).latest("id")
    assert (newest.action, newest.detail["reason"]) == ("experiment.stopped", "wrong wording")


def test_a_prompt_has_one_live_experiment(world: World) -> None:
    world.begin()
    other = world.post("experiments", PLAN | {"name": "another"})

    refused = world.call("POST", f"experiments/{other['id']}/start", {})

    assert (refused.status_code, "Another experiment" in refused.json()["detail"]) == (409, True)


def test_experiments_of_one_layer_share_no_unit_and_a_full_layer_refuses(world: World) -> None:
    world.post("prompts", {"name": "offer", "prompt": "Offer.", "labels": ["production"]})
    world.post("prompts/offer/versions", {"prompt": "Offer more."})
    world.begin(layer="all", layer_share=0.6)
    other = world.post("experiments", PLAN | {"prompt": "offer", "layer": "all", "layer_share": 0.5})
    assert "no room" in world.call("POST", f"experiments/{other['id']}/start", {}).json()["detail"]

    fitting = world.post("experiments", PLAN | {"prompt": "offer", "layer": "all", "layer_share": 0.4})
    world.post(f"experiments/{fitting['id']}/start", {})

    both = [
        world.get(f"prompts/support?unit=u{n}")["assignment"] is not None
        and world.get(f"prompts/offer?unit=u{n}")["assignment"] is not None
        for n in range(30)
    ]
    assert not any(both)


def test_a_scheduled_experiment_starts_when_its_time_comes(world: World) -> None:
    made = world.post("experiments", PLAN)
    later = (AT + timedelta(days=1)).isoformat()
    assert world.post(f"experiments/{made['id']}/start", {"start_at": later})["state"] == "scheduled"
    assert world.tick(made["id"]).state == "scheduled"
    world.pass_time(days=1)

    assert world.tick(made["id"]).state == "running"


def test_a_paused_experiment_keeps_serving_and_decides_nothing(world: World) -> None:
    experiment = world.begin()
    before = world.get("prompts/support?unit=ada")
    world.talk(400, escalated={"control": 0.4, "brief": 0.08})
    world.post(f"experiments/{experiment}/pause", {})
    world.pass_time(days=9)

    assert world.tick(experiment).state == "paused"
    assert world.get("prompts/support?unit=ada") == before
    world.post(f"experiments/{experiment}/start", {})
    assert world.tick(experiment).state == "promoted"


def test_a_gate_that_its_size_can_never_pass_is_refused_with_the_arithmetic(world: World) -> None:
    experiment = world.begin()
    world.talk(200, escalated={"control": 0.2, "brief": 0.2})
    world.post(f"experiments/{experiment}/stop", {})

    gate = {"metric": "escalation_rate", "margin": 0.005, "role": "gate"}
    refused = world.call("POST", "experiments", PLAN | {"metric": "quality_score", "guardrails": [gate]})

    assert (refused.status_code, refused.json()["faults"][0]["field"]) == (422, "guardrails")
    assert "units an arm to be shown within 0.005" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"variants": [{"key": "control", "version": 1}]}, "between 2 and 8"),
        ({"variants": [{"key": "a", "version": 1}, {"key": "a", "version": 2}]}, "used twice"),
        ({"variants": [{"key": "a", "version": 1}, {"key": "b", "version": 9}]}, "no version 9"),
        ({"variants": [{"key": "a", "version": 1}, {"key": "b", "version": 1}]}, "nothing to compare"),
        ({"variants": [{"key": "a", "version": "1"}, {"key": "b", "version": 2}]}, "whole number"),
        ({"metric": "happiness"}, "cannot be measured"),
        ({"metric": ""}, "a rollout"),
        ({"alpha": 2}, "alpha: must be between"),
        ({"alpha": "0.05"}, "alpha is a number"),
        ({"guardrails": [{"metric": "escalation_rate", "role": "gate"}]}, "margin above 0"),
        ({"guardrails": [{"metric": "escalation_rate", "role": "guard"}]}, "one of gate, harm_only"),
        ({"steps": [{"percent": 50}, {"percent": 10}]}, "percents must rise"),
        ({"steps": [{"percent": 80}]}, "50 % at most"),
        ({"prompt": "absent"}, "no such prompt"),
        ({"colour": "red"}, "no field"),
        ({"control": "nobody"}, "no variant 'nobody'"),
    ],
)
def test_a_bad_plan_is_refused_with_what_is_wrong(world: World, change: dict[str, Any], words: str) -> None:
    answer = world.call("POST", "experiments", PLAN | change)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_plan")
    assert words in answer.json()["detail"]


def test_a_moment_is_looked_at_once_until_somebody_acts(world: World) -> None:
    experiment = world.begin(planned_n=40, min_days=0)
    world.tick(experiment)
    world.talk(80, escalated={"control": 0.9, "brief": 0.0})
    assert world.tick(experiment).state == "running", "the clock stands, and half a day's log has come"

    world.post(f"experiments/{experiment}/pause", {})
    world.post(f"experiments/{experiment}/start", {})
    assert world.tick(experiment).state == "promoted"


def test_a_simulation_lived_again_deals_alike_in_another_organization(world: World) -> None:
    world.begin()
    again = World()
    again.begin()

    first, second = (each.get("ruleset")["experiments"][0]["salt"] for each in (world, again))
    assert first == second


def test_two_workers_make_one_decision(world: World) -> None:
    experiment = world.begin()
    world.talk(400, escalated={"control": 0.4, "brief": 0.08})
    world.pass_time(days=3)
    world.tick(experiment)
    world.tick(experiment)

    with tenant(world.organization.id):
        assert Decision.objects.filter(action="promoted").count() == 1
        assert Snapshot.objects.count() == 1


def test_an_exposure_is_written_once_and_a_forged_one_not_at_all(world: World) -> None:
    world.begin()
    for _ in range(2):
        exposing.forget()
        world.get("prompts/support?unit=ada")
    for forged in ("p_OTHER.0." + "a" * 24, "nonsense"):
        exposing.note(organization_id=world.organization.id, assignment_id=forged, served_hash="x", at=AT)

    assert exposing.collect(organization_id=world.organization.id) == 1
    assert exposing.collect(organization_id=world.organization.id) == 0


def test_a_revoked_key_fetches_nothing_more_and_another_organization_sees_nothing(world: World) -> None:
    stranger = World()
    stranger.post("prompts", {"name": "own", "prompt": "Ours."})
    assert world.call("GET", "prompts/own").status_code == 404

    from apps.organizations import services

    prefix = world.key.split("_")[2]
    services.revoke_key(organization_id=world.organization.id, prefix=prefix, at=clock.wall(), actor="test")

    assert world.call("GET", "prompts/support").status_code == 401


def test_a_fetch_from_the_picture_asks_the_database_nothing(world: World, django_assert_num_queries: Any) -> None:
    world.begin()
    world.get("prompts/support?unit=ada")
    headers = {"Authorization": f"Bearer {world.key}"}

    with django_assert_num_queries(0):
        assert Client().get("/api/v1/prompts/support?unit=bob", headers=headers).status_code == 200


def test_an_exposure_that_only_the_logs_tell_of_is_rebuilt(world: World) -> None:
    experiment = world.begin()
    world.talk(60, escalated={"control": 0.2, "brief": 0.2})
    with tenant(world.organization.id):
        Exposure.objects.all().delete()

    world.tick(experiment)

    assert sum(each["exposures"] for each in world.get(f"experiments/{experiment}/results")["variants"]) == 60


def test_the_ruleset_assigns_as_the_server_does(world: World) -> None:
    from apps.experiments.domain.assignment import Arm, Split, assign

    world.begin()
    (rule,) = world.get("ruleset")["experiments"]
    arms = tuple(Arm(arm["key"], arm["share"], arm["version"]) for arm in rule["arms"])
    split = Split(rule["phase"], rule["salt"], arms, rule["share"], None, rule["layer"], tuple(rule["slice"]))

    for unit in ("ada", "bob", "eve", "zoë"):
        assigned = assign(split, unit)
        assert assigned is not None
        assert world.get(f"prompts/support?unit={unit}")["assignment"]["assignment_id"] == assigned.assignment_id
