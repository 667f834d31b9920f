"""An organization that tries a prompt: its users fetch, talk and echo, and its clock is the test's."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.experiments import serving
from apps.experiments.models import Experiment
from apps.experiments.services import exposing, lifecycle
from apps.organizations.models import Organization
from apps.platform import clock
from apps.platform.tenancy import tenant
from tests.factories import AT, capture, make_key, make_organization

PLAN: dict[str, Any] = {
    "name": "brief", "prompt": "support", "metric": "escalation_rate",
    "variants": [{"key": "control", "version": 1}, {"key": "brief", "version": 2}],
    "planned_n": 400, "min_days": 2, "approval": "none",
}  # fmt: skip


class World:
    """A sandbox organization with a prompt in two versions, its key, and a clock that the test moves."""

    def __init__(self) -> None:
        self.organization: Organization = make_organization(sandbox=True, clock_at=AT)
        self.key = make_key(self.organization, "prompts", "experiments", "ingest", "read")
        self.post("prompts", {"name": "support", "prompt": "Be kind.", "labels": ["production"]})
        self.post("prompts/support/versions", {"prompt": "Be kind and brief."})

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        serving.pictures.forget()
        return Client().generic(
            method, f"/api/v1/{path}", "" if body is None else Client()._encode_json(body, "application/json"),
            content_type="application/json", headers={"Authorization": f"Bearer {self.key}", **headers},
        )  # fmt: skip

    def post(self, path: str, body: Any) -> Any:
        answer = self.call("POST", path, body)
        assert answer.status_code < 300, answer.content
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def begin(self, **changes: Any) -> str:
        made = self.post("experiments", PLAN | changes)
        self.post(f"experiments/{made['id']}/start", {})
        return str(made["id"])

    def pass_time(self, **span: float) -> None:
        self.organization.clock_at = clock.now(self.organization) + timedelta(**span)
        self.organization.save()

    def talk(self, units: int, *, escalated: dict[str, float], offset: int = 0) -> list[str]:
        """Have users fetch their prompt and talk once; return who was assigned what."""
        picture, _ = serving.pictures.find(self.key) or pytest.fail("the key opens nothing")
        chance, records, variants = random.Random(units + offset), [], []
        for number in range(offset, offset + units):
            served = serving.serve(picture.content, "support", unit=f"user-{number}")
            assert served is not None
            assert served.assigned is not None
            variants.append(served.assigned.arm.key)
            exposing.note(
                organization_id=self.organization.id, assignment_id=served.assigned.assignment_id,
                served_hash=served.version.content_hash, at=picture.now,
            )  # fmt: skip
            handed = {"escalated": True} if chance.random() < escalated[served.assigned.arm.key] else {}
            echo = {"assignment_id": served.assigned.assignment_id, "user_id": f"user-{number}", **handed}
            when = clock.now(self.organization)
            for second, (role, text) in enumerate(
                [("user", "My invoice is wrong."), ("assistant", "I have mended it.")]
            ):
                records.append(
                    {
                        "session_id": f"s-{number}", "role": role, "message": text, "metadata": echo,
                        "timestamp": (when + timedelta(seconds=second)).isoformat(),
                    }
                )  # fmt: skip
        capture(self.organization, records)
        exposing.collect(organization_id=self.organization.id)
        return variants

    def tick(self, experiment: str) -> Experiment:
        with tenant(self.organization.id):
            row = Experiment.objects.get(public_id=experiment)
            lifecycle.tick(experiment_id=row.id, at=clock.now(self.organization))
            row.refresh_from_db()
            return row
