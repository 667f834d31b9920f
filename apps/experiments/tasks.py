"""What workers do for experiments: ticks, and exposures from the stream."""

from __future__ import annotations

import time
from datetime import timedelta

from celery import shared_task

from apps.experiments.models import Experiment
from apps.experiments.services import exposing, lifecycle
from apps.organizations.models import Organization
from apps.platform import clock, work
from apps.platform.tenancy import tenant

# A tick may cost at most this share of a worker's time; a large experiment is looked at less often.
_SHARE = 0.05
_RAREST = timedelta(minutes=10)


@work.performs("experiments.tick")
def tick(*, organization_id: int, key: str) -> None:
    """Apply the rules to one experiment, and ask for the next look."""
    organization = Organization.objects.get(id=organization_id)
    began = time.monotonic()
    exposing.collect(organization_id=organization_id)
    with tenant(organization_id):
        experiment = Experiment.objects.filter(public_id=key).first()
        if experiment is None or not lifecycle.tick(experiment_id=experiment.id, at=clock.now(organization)):
            return
        delay = min(_RAREST, max(lifecycle.TICK, timedelta(seconds=(time.monotonic() - began) / _SHARE)))
        work.ask("experiments.tick", organization_id=organization_id, key=key, delay=delay)


@shared_task(name="experiments.collect", time_limit=60)
def collect(*, organization_id: int) -> None:
    """Write exposures from the stream into their table."""
    exposing.collect(organization_id=organization_id)
