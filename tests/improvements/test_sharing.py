"""A version shared by one application and adopted by another: provenance, a new measurement, effects from both."""

from __future__ import annotations

from typing import Any

import pytest

from apps.experiments.models import Experiment
from apps.organizations.models import AuditEvent
from apps.platform.tenancy import tenant
from tests.experiments.test_experiments import World
from tests.factories import make_application, make_key, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = World()
    make_application(world.organization, "shop")
    return world


def share(world: World, **changes: Any) -> Any:
    return world.post("library/entries", {"prompt": "support", "version": 2, "metric": "escalation_rate"} | changes)


def test_an_application_without_such_a_prompt_gets_its_own_copy_in_use(world: World) -> None:
    entry = share(world, title="Brief", tags=["tone"])

    adopted = world.post(f"library/entries/{entry['id']}/adopt", {"application": "shop"})

    assert (adopted["prompt"], adopted["version"], adopted["improvement"]) == ("shop-support", 1, None)
    assert world.get("prompts/shop-support")["prompt"] == "Be kind and brief."
    (told,) = world.get("library/entries?tag=tone")["results"]
    assert [each["application"] for each in told["adoptions"]] == ["shop"]
    assert told["origin"] == {"prompt": "support", "version": 2, "content_hash": entry["origin"]["content_hash"]}


def test_an_application_with_a_prompt_measures_it_before_it_is_used(world: World) -> None:
    world.post("prompts", {"name": "shop", "prompt": "Sell kindly.", "labels": ["production"]})
    entry = share(world)

    adopted = world.post(f"library/entries/{entry['id']}/adopt", {"application": "shop", "prompt": "shop"})

    assert (adopted["prompt"], adopted["version"]) == ("shop", 2)
    proposal = world.get(f"improvements/{adopted['improvement']}")
    assert (proposal["state"], proposal["application"], proposal["base_version"]) == ("proposed", "shop", 1)
    assert proposal["judged_by"]["metric"] == "escalation_rate"
    assert world.get("prompts/shop")["version"] == 1


def test_adopting_and_sharing_again_change_nothing(world: World) -> None:
    first = share(world)
    again = world.call("POST", "library/entries", {"prompt": "support", "version": 2, "metric": "escalation_rate"})
    adopt = f"library/entries/{first['id']}/adopt"
    world.post(adopt, {"application": "shop"})
    repeated = world.call("POST", adopt, {"application": "shop"})

    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert (repeated.status_code, repeated.json()["version"]) == (200, 1)
    actions = AuditEvent.objects.filter(organization=world.organization, action__startswith="entry.")
    assert sorted(actions.values_list("action", flat=True)) == ["entry.adopted", "entry.shared"]


def test_what_was_measured_where_stands_with_the_entry(world: World) -> None:
    entry = share(world)
    experiment = world.begin()
    world.talk(400, escalated={"control": 0.4, "brief": 0.08})
    assert world.get(f"library/entries/{entry['id']}")["measured_effect"] == []
    world.pass_time(days=3)
    assert world.tick(experiment).state == Experiment.State.PROMOTED

    (effect,) = world.get(f"library/entries/{entry['id']}")["measured_effect"]

    assert (effect["experiment"], effect["version"], effect["state"]) == (experiment, 2, "promoted")
    assert effect["interval"][1] < 0


def test_a_withdrawn_entry_is_not_listed_nor_adopted_and_may_be_shared_again(world: World) -> None:
    entry = share(world)
    assert world.call("DELETE", f"library/entries/{entry['id']}").status_code == 204

    refused = world.call("POST", f"library/entries/{entry['id']}/adopt", {"application": "shop"})

    assert (refused.status_code, refused.json()["code"]) == (409, "cannot_adopt")
    assert world.get("library/entries")["results"] == []
    share(world)
    assert len(world.get("library/entries")["results"]) == 1


@pytest.mark.parametrize(
    "changes", [{"version": 9}, {"version": True}, {"prompt": "no"}, {"metric": "fun"}, {"tags": "x"}, {"title": 3}]
)
def test_what_cannot_be_shared_is_refused(world: World, changes: dict[str, Any]) -> None:
    answer = world.call("POST", "library/entries", {"prompt": "support", "version": 2} | changes)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_entry")


def test_a_key_of_one_application_adopts_for_no_other(world: World) -> None:
    entry = share(world)
    world.key = make_key(world.organization, "prompts", application=make_application(world.organization, "ours"))

    assert world.call("POST", f"library/entries/{entry['id']}/adopt", {"application": "shop"}).status_code == 404


def test_another_organizations_entry_is_not_there(world: World) -> None:
    entry = share(world)
    stranger = World.__new__(World)
    stranger.organization = make_organization()
    stranger.key = make_key(stranger.organization, "prompts")

    assert stranger.call("GET", f"library/entries/{entry['id']}").status_code == 404
    with tenant(stranger.organization.id):
        assert stranger.get("library/entries")["results"] == []
