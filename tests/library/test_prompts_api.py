"""Prompts through the API: created, added to, labelled; repeated without effect; never changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.test import Client

from apps.library.models import LabelAssignment, PromptVersion
from apps.library.selectors import serving_prompts, serving_state
from apps.organizations.models import AuditEvent, Organization
from apps.platform.tenancy import tenant
from tests.factories import make_key, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return make_organization()


class Caller:
    """A client with a key that may read and write prompts."""

    def __init__(self, organization: Organization) -> None:
        self.headers = {"Authorization": f"Bearer {make_key(organization, 'prompts')}"}

    def __call__(self, method: str, path: str, body: dict[str, Any] | None = None) -> HttpResponse:
        return Client().generic(
            method, f"/api/v1/prompts{path}", "" if body is None else Client()._encode_json(body, "application/json"),
            content_type="application/json", headers=self.headers,
        )  # fmt: skip


@pytest.fixture
def call(organization: Organization) -> Caller:
    return Caller(organization)


SUPPORT = {"name": "support", "type": "text", "prompt": "Help {{name}}.", "labels": ["production"]}


def test_a_prompt_begins_with_version_1(call: Caller) -> None:
    answer = call("POST", "", SUPPORT)

    assert answer.status_code == 201
    told = answer.json()  # type: ignore[attr-defined]
    assert (told["version"], told["labels"], told["variables"], told["parent"]) == (1, ["production"], ["name"], None)


def test_creating_it_again_changes_nothing_and_another_of_its_name_is_refused(call: Caller) -> None:
    call("POST", "", SUPPORT)

    assert call("POST", "", SUPPORT).status_code == 200
    other = call("POST", "", SUPPORT | {"prompt": "Else."})
    assert (other.status_code, other.json()["code"]) == (409, "prompt_exists")  # type: ignore[attr-defined]


def test_a_version_keeps_the_config_it_was_written_from_and_takes_the_label_over(
    call: Caller, organization: Organization
) -> None:
    call("POST", "", SUPPORT | {"config": {"model": "m-1"}})

    second = call("POST", "/support/versions", {"prompt": "Help {{name}} well.", "labels": ["production"]}).json()  # type: ignore[attr-defined]

    assert (second["version"], second["config"], second["parent"]) == (2, {"model": "m-1"}, 1)
    with tenant(organization.id):
        assert serving_prompts()["support"].labels == {"production": 2}
        history = LabelAssignment.objects.order_by("id").values_list("version__number", "ended_at")
        assert [(number, ended is None) for number, ended in history] == [(1, False), (2, True)]


def test_what_was_said_before_is_the_version_it_was(call: Caller) -> None:
    call("POST", "", SUPPORT)
    call("POST", "/support/versions", {"prompt": "Other."})

    again = call("POST", "/support/versions", {"prompt": SUPPORT["prompt"], "labels": ["staging"]})

    assert (again.status_code, again.json()["version"], again.json()["labels"]) == (200, 1, ["production", "staging"])  # type: ignore[attr-defined]


def test_moving_a_label_is_audited_with_where_it_stood(call: Caller, organization: Organization) -> None:
    call("POST", "", SUPPORT)
    call("POST", "/support/versions", {"prompt": "Other."})

    moved = call("PATCH", "/support/versions/2", {"labels": ["production"], "reason": "shorter"})

    assert moved.json()["labels"] == ["production"]  # type: ignore[attr-defined]
    newest = AuditEvent.objects.filter(organization=organization, action="prompt.labelled").latest("id")
    assert newest.detail == {"label": "production", "before": 1, "reason": "shorter"}


def test_the_database_refuses_to_change_a_version(call: Caller, organization: Organization) -> None:
    call("POST", "", SUPPORT)

    with tenant(organization.id), pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        PromptVersion.objects.update(content="Changed.")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"name": "a b", "prompt": "x"}),
        ("POST", "", {"name": "a", "prompt": ""}),
        ("POST", "", {"name": "a", "prompt": "x", "labels": ["latest"]}),
        ("POST", "", {"name": "a", "prompt": "x", "tags": "one"}),
        ("POST", "", {"name": "a", "prompt": "x", "description": 7}),
        ("POST", "/support/versions", {"prompt": "y", "parent": 9}),
        ("POST", "/support/versions", {"prompt": "y", "parent": "1"}),
        ("PATCH", "/support/versions/1", {"prompt": "changed"}),
    ],
)
def test_bad_input_is_a_problem_and_changes_nothing(
    call: Caller, organization: Organization, method: str, path: str, body: dict[str, Any]
) -> None:
    call("POST", "", SUPPORT)
    with tenant(organization.id):
        before = serving_state()

    answer = call(method, path, body)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_prompt")  # type: ignore[attr-defined]
    with tenant(organization.id):
        assert serving_state() == before


def test_what_is_served_is_known_by_its_state(call: Caller, organization: Organization) -> None:
    def look() -> tuple[Any, ...]:
        with tenant(organization.id):
            return serving_state()

    states = [look()]
    call("POST", "", SUPPORT)
    states.append(look())
    call("POST", "/support/versions", {"prompt": "Other."})
    states.append(look())
    call("PATCH", "/support/versions/2", {"labels": ["production"]})
    states.append(look())

    assert len(set(states)) == 4
    assert look() == states[-1]


def test_lists_are_paged_and_name_the_newest_version(call: Caller) -> None:
    call("POST", "", SUPPORT)
    call("POST", "/support/versions", {"prompt": "Other."})

    (listed,) = call("GET", "").json()["results"]  # type: ignore[attr-defined]
    versions = call("GET", "/support/versions").json()["results"]  # type: ignore[attr-defined]

    assert (listed["latest_version"], listed["labels"]) == (2, {"production": 1})
    assert [version["version"] for version in versions] == [2, 1]
    assert call("GET", "/support/versions/99999999999").status_code == 404
