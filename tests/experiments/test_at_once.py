"""Two workers, each a process of its own, that look at the same moment: one decision, one deployment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from apps.experiments import serving
from apps.experiments.models import Decision
from apps.library.models import LabelAssignment
from apps.organizations.models import AuditEvent
from apps.platform.tenancy import tenant
from tests.experiments.world import World
from tests.product import ROOT

TICK = """
import sys
import django
django.setup()
from apps.experiments.models import Experiment
from apps.experiments.services import lifecycle
from apps.organizations.models import Organization
from apps.platform import clock
from apps.platform.tenancy import tenant
organization = Organization.objects.get(id=int(sys.argv[1]))
with tenant(organization.id):
    experiment = Experiment.objects.get(public_id=sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
with tenant(organization.id):
    lifecycle.tick(experiment_id=experiment.id, at=clock.now(organization))
"""


@pytest.mark.usefixtures("committed")
def test_two_workers_that_find_the_same_winner_deploy_it_once() -> None:
    serving.pictures.forget()
    world = World()
    experiment = world.begin()
    world.talk(400, escalated={"control": 0.4, "brief": 0.08})
    world.pass_time(days=2, hours=1)
    command = [sys.executable, "-c", TICK, str(world.organization.id), experiment]
    workers = [
        subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]

    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.close()
    ended = [worker.wait(60) for worker in workers]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.close()

    with tenant(world.organization.id):
        labels = LabelAssignment.objects.filter(label="production").order_by("id")
        deployed = list(labels.values_list("version__number", flat=True))
        decisions = Decision.objects.filter(action="promoted").count()
    promoted = AuditEvent.objects.filter(organization=world.organization, action="experiment.promoted").count()
    assert ended == [0, 0]
    assert deployed == [1, 2]
    assert (decisions, promoted) == (1, 1)
    assert world.get("prompts/support?unit=somebody-new")["version"] == 2
