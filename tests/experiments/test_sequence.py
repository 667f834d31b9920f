"""What looks saw over time is thinned out for the chart: the last always stands, and the count is of all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.experiments.models import Experiment, Snapshot
from apps.experiments.selectors.experiments import newest_snapshot
from apps.experiments.selectors.sequence import Sequence, read_sequence
from apps.experiments.web.sequence import draw_sequence
from apps.platform.tenancy import tenant
from tests.experiments.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def looked(world: World) -> Experiment:
    """An experiment that 200 users talked in, looked at once."""
    public_id = world.begin()
    world.talk(200, escalated={"control": 0.4, "brief": 0.1})
    world.pass_time(hours=1)
    world.tick(public_id)
    with tenant(world.organization.id):
        return Experiment.objects.get(public_id=public_id)


def look_before(last: Snapshot, number: int, **figures: Any) -> None:
    """Have the experiment looked at ``number`` times before, a minute apart, each time seeing the same."""
    Snapshot.objects.bulk_create(
        Snapshot(
            organization_id=last.organization_id, phase_id=last.phase_id, at=last.at - timedelta(minutes=minutes),
            figures=last.figures | figures,
        )
        for minutes in range(1, number + 1)
    )  # fmt: skip


def test_a_look_is_told_as_its_figures_have_it(world: World, looked: Experiment) -> None:
    with tenant(world.organization.id):
        last = newest_snapshot(looked)
        found = read_sequence(last, most=120)

    assert last is not None
    (seen,) = found.seen
    first, arms = last.figures["comparisons"][0], last.figures["variants"]
    assert (seen.at, seen.difference, [seen.low, seen.high]) == (last.at, first["difference"], first["interval"])
    assert (found.looks, seen.units) == (1, sum(arm["units"] for arm in arms))
    assert draw_sequence(found, "escalation_rate") is None


def test_many_looks_are_thinned_out_to_the_last_of_each_stretch(world: World, looked: Experiment) -> None:
    with tenant(world.organization.id):
        last = newest_snapshot(looked)
        assert last is not None
        look_before(last, 249)
        with CaptureQueriesContext(connection) as asked:
            found = read_sequence(last, most=100)

    ages = [(last.at - each.at) / timedelta(minutes=1) for each in found.seen]
    drawn = draw_sequence(found, "escalation_rate")
    assert len(asked) == 1
    assert ages == sorted(range(0, 250, 3), reverse=True)
    assert drawn is not None
    assert drawn["alt"].startswith("After 250 looks the interval ")
    assert len(drawn["data"]["labels"]) == 84


def test_looks_before_there_was_an_interval_and_those_of_others_are_left_out(world: World, looked: Experiment) -> None:
    other = World()
    with tenant(world.organization.id):
        last = newest_snapshot(looked)
        assert last is not None
        look_before(last, 3, comparisons=[last.figures["comparisons"][0] | {"interval": None}])
        found = read_sequence(last, most=120)

    with tenant(other.organization.id):
        assert read_sequence(last, most=120) == Sequence()
    assert (found.looks, [each.at for each in found.seen]) == (4, [last.at])
    assert read_sequence(None, most=120) == Sequence()
