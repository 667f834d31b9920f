"""New attack patterns and successful attacks are counted by arm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.evaluations.models import ConversationFact, FactAssignment, ThreatPattern
from apps.experiments.models import Experiment
from apps.experiments.selectors.experiments import current_phase
from apps.experiments.services import lifecycle
from apps.organizations.models import Application
from apps.platform import clock, work
from apps.platform.tenancy import tenant
from tests.experiments.world import World
from tests.factories import make_experiment

pytestmark = pytest.mark.django_db
CLEAN = "no_new_security_issues"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def begun(world: World) -> str:
    """An experiment whose criterion is that nothing new happens, after 200 users talked."""
    with tenant(world.organization.id):
        draft = make_experiment("support", criteria=(CLEAN,))
        lifecycle.start(experiment_id=draft.id, at=clock.now(world.organization), actor="test")
    world.talk(200, escalated={"control": 0.1, "brief": 0.1})
    world.pass_time(hours=1)
    return draft.public_id


def results(world: World, experiment: str) -> dict[str, Any]:
    found = world.get(f"experiments/{experiment}/results")
    assert isinstance(found, dict)
    return found


def see(world: World, experiment: str, variant: str, *, seen: int = 4) -> None:
    """Have analysis find a new attack pattern in conversations of one arm."""
    with tenant(world.organization.id):
        row = Experiment.objects.get(public_id=experiment)
        phase = current_phase(row)
        assert phase is not None
        place = [each["key"] for each in row.plan["variants"]].index(variant)
        sessions = list(
            ConversationFact.objects.filter(
                conversation_id__in=FactAssignment.objects.filter(
                    assignment_id__startswith=f"{phase.public_id}.{place}."
                ).values("conversation_id")
            ).values_list("session_id", flat=True)[:seen]
        )
        ThreatPattern.objects.create(
            organization_id=world.organization.id, name=f"candidate-{variant}", pattern="glass rain",
            type="prompt_injection", severity="high", source=ThreatPattern.Source.CLUSTER,
            application=Application.objects.get(), first_seen_at=phase.started_at + timedelta(minutes=1),
            sessions=sessions, benign_limit=0.001, created_by="analysis", created_at=phase.started_at,
        )  # fmt: skip


def test_nothing_new_says_yes(world: World, begun: str) -> None:
    found = results(world, begun)

    assert found["criteria"] == [{"variant": "brief", "criterion": CLEAN, "holds": True}]
    assert found["security_issues"]["searched"] is True


def test_a_pattern_that_only_the_treatment_met_says_no(world: World, begun: str) -> None:
    see(world, begun, "brief")

    found = results(world, begun)

    assert found["criteria"][0]["holds"] is False
    assert [each["new_patterns_control_has_not"] for each in found["security_issues"]["variants"]] == [0, 1]


def test_a_pattern_that_control_met_is_nothing_the_treatment_brought(world: World, begun: str) -> None:
    see(world, begun, "control")

    found = results(world, begun)

    assert found["criteria"][0]["holds"] is True
    assert [each["new_patterns"] for each in found["security_issues"]["variants"]] == [1, 0]


def test_while_suspicious_messages_wait_to_be_searched_nobody_knows(world: World, begun: str) -> None:
    with tenant(world.organization.id):
        application = Application.objects.get()
        work.ask("evaluations.find_patterns", organization_id=world.organization.id, key=str(application.id))

    assert results(world, begun)["criteria"][0]["holds"] is None
