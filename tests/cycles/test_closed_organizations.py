"""An organization that is erased while processes of their own serve and work for it: committed for real."""

from __future__ import annotations

import time

from django.test import Client

from apps.cycles.services.erasing_organizations import ask_organization_erasure, erase_organization
from apps.cycles.tasks import erase_organization as task
from apps.library.services import prompts
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from tests.architecture.test_portal_access import make_house
from tests.cycles.test_erasing_organizations import rows_of
from tests.factories import AT, make_key, make_organization


def test_a_worker_erases_it_whole_although_its_work_is_the_organizations_too(committed: None) -> None:
    organization = make_house("ours").organization
    ask_organization_erasure(organization=organization, actor="test")

    task(organization_id=organization.id, key="all")

    assert rows_of(organization) == {}
    assert not WorkItem.objects.exists()


def test_a_key_that_served_prompts_serves_none_a_second_later(committed: None) -> None:
    organization = make_organization("served")
    with tenant(organization.id):
        prompts.create_prompt(
            organization_id=organization.id, name="support", content="Be kind.", labels=["production"], at=AT,
            actor="test",
        )  # fmt: skip
    client = Client(headers={"Authorization": f"Bearer {make_key(organization, 'prompts')}"})
    assert client.get("/api/v1/prompts/support").status_code == 200

    ask_organization_erasure(organization=organization, actor="test")
    asked = time.monotonic()
    while client.get("/api/v1/prompts/support").status_code == 200:
        time.sleep(0.05)
        assert time.monotonic() - asked < 10  # a machine that runs everything at once is slow, not wrong
    erase_organization(organization_id=organization.id)

    assert client.get("/api/v1/prompts/support").status_code == 401
