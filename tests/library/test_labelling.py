"""What everybody is served moves by one person's word, or by two people's where the organization wants that."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.test import Client

from apps.library.selectors import find_prompt, labelled_version
from apps.library.services.prompts import add_version, create_prompt
from apps.organizations.models import Organization
from apps.platform.tenancy import tenant
from tests.factories import AT, make_key, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    organization = make_organization(two_people=True)
    with tenant(organization.id):
        first, _ = create_prompt(
            organization_id=organization.id, name="support", content="Be kind.", labels=["production"], at=AT, actor="t"
        )
        for text in ("Be brief.", "Be exact."):
            add_version(prompt=first.prompt, content=text, at=AT, actor="t")
    return organization


def label(organization: Organization, key: str, number: int, *labels: str) -> tuple[int, dict[str, Any]]:
    answer = Client().patch(
        f"/api/v1/prompts/support/versions/{number}", orjson.dumps({"labels": labels}),
        content_type="application/json", headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip
    return answer.status_code, answer.json()


def served(organization: Organization) -> int:
    with tenant(organization.id):
        prompt = find_prompt("support")
        assert prompt is not None
        version = labelled_version(prompt, "production")
        assert version is not None
        return version.number


def test_the_second_persons_word_moves_it_and_the_firsts_alone_does_not(organization: Organization) -> None:
    ana, ben = (make_key(organization, "prompts") for _ in range(2))

    asked = label(organization, ana, 2, "production", "staging")
    again = label(organization, ana, 2, "production")
    before = served(organization)
    moved = label(organization, ben, 2, "production")

    assert (asked[0], asked[1]["waits_for_a_second_person"], asked[1]["labels"]) == (202, ["production"], ["staging"])
    assert (again[0], before) == (202, 1)
    assert (moved[0], served(organization)) == (200, 2)


def test_asking_for_another_version_takes_the_place_of_what_waits(organization: Organization) -> None:
    ana, ben = (make_key(organization, "prompts") for _ in range(2))
    label(organization, ana, 2, "production")

    assert label(organization, ben, 3, "production")[0] == 202
    assert label(organization, ben, 2, "production")[0] == 202
    assert served(organization) == 1


def test_other_labels_and_other_organizations_need_one(organization: Organization) -> None:
    assert label(organization, make_key(organization, "prompts"), 2, "staging")[0] == 200
    organization.two_people = False
    organization.save()

    assert label(organization, make_key(organization, "prompts"), 2, "production")[0] == 200
    assert served(organization) == 2
