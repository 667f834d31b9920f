"""What users did before an experiment stands beside its comparison, and does not decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.experiments.models import Experiment
from apps.experiments.selectors.earlier import read_earlier
from apps.experiments.selectors.experiments import current_phase
from apps.platform import clock
from apps.platform.tenancy import tenant
from tests.experiments.world import World
from tests.factories import capture

pytestmark = pytest.mark.django_db
UNITS, KNOWN, UNHAPPY = 200, 120, 30


@pytest.fixture
def world() -> World:
    return World()


def talk_before(world: World) -> None:
    """Have some of the users talk twice, a quarter of them escalating both times; then ten days pass."""
    records: list[dict[str, Any]] = []
    for number in range(KNOWN):
        handed = {"escalated": True} if number < UNHAPPY else {}
        for turn in range(2):
            for second, role in enumerate(("user", "assistant")):
                records.append(
                    {
                        "session_id": f"before-{number}-{turn}", "role": role, "message": f"About my invoice, {turn}.",
                        "metadata": {"user_id": f"user-{number}", **handed},
                        "timestamp": (clock.now(world.organization) + timedelta(seconds=second)).isoformat(),
                    }
                )  # fmt: skip
    capture(world.organization, records)
    world.pass_time(days=10)


def test_users_are_known_again_by_arm(world: World) -> None:
    talk_before(world)
    experiment = world.begin()
    world.talk(UNITS, escalated={"control": 0.2, "brief": 0.2})
    world.pass_time(hours=1)

    with tenant(world.organization.id):
        row = Experiment.objects.get(public_id=experiment)
        phase = current_phase(row)
        assert phase is not None
        arms = read_earlier(
            organization_id=world.organization.id, phase=phase.public_id, arms=2, metric="escalation_rate",
            began=phase.started_at, at=clock.now(world.organization),
        )  # fmt: skip

    assert sum(each.known for each in arms) == KNOWN
    assert sum(each.q_sum for each in arms) == 2 * KNOWN
    assert sum(each.p_sum for each in arms) == 2 * UNHAPPY
    assert sum(each.p_sum_squares for each in arms) == 4 * UNHAPPY


def test_with_and_without_stand_side_by_side_once_a_tick_has_looked(world: World) -> None:
    talk_before(world)
    experiment = world.begin()
    world.talk(UNITS, escalated={"control": 0.2, "brief": 0.2})
    world.pass_time(hours=1)
    (before_the_tick,) = world.get(f"experiments/{experiment}/results")["comparisons"]
    world.tick(experiment)
    (found,) = world.get(f"experiments/{experiment}/results")["comparisons"]

    assert before_the_tick["adjusted"] is None
    assert found["adjusted"]["known"] == KNOWN / UNITS
    assert found["adjusted"]["interval"][0] < found["adjusted"]["difference"] < found["adjusted"]["interval"][1]
    assert found["verdict"] == "continue"


def test_users_whom_nobody_knew_before_have_nothing_to_adjust_by(world: World) -> None:
    experiment = world.begin()
    world.talk(UNITS, escalated={"control": 0.2, "brief": 0.2})
    world.pass_time(hours=1)
    world.tick(experiment)

    assert world.get(f"experiments/{experiment}/results")["comparisons"][0]["adjusted"] is None
