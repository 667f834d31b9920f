"""Models to ask: set by administrators, addressed to nobody inside, their keys never shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.organizations import selectors, services
from apps.organizations.models import AuditEvent, ModelEndpoint, Organization
from apps.organizations.services import endpoints
from apps.platform.tenancy import tenant
from tests.factories import AT, make_application, make_key, make_organization

pytestmark = pytest.mark.django_db
GIVEN = {"base_url": "https://93.184.216.34/v1", "model": "small", "api_key": "sk-secret-1"}


def put(organization: Organization, query: str = "", /, **changes: Any) -> Any:
    return Client().put(
        f"/api/v1/models/probes{query}", GIVEN | changes, content_type="application/json",
        headers={"Authorization": f"Bearer {make_key(organization, 'admin')}"},
    )  # fmt: skip


def make_model(organization: Organization, **changes: Any) -> ModelEndpoint:
    with tenant(organization.id):
        return services.save_endpoint(
            organization_id=organization.id, application=None, purpose="probes", at=AT, actor="test",
            given=services.EndpointValues(**{**GIVEN, **changes}),
        )  # fmt: skip


def test_a_model_is_set_and_its_key_is_stored_encrypted_and_never_shown() -> None:
    organization = make_organization()

    answer = put(organization)

    assert answer.status_code == 200
    assert answer.json()["has_key"] is True
    listed = Client().get("/api/v1/models", headers={"Authorization": f"Bearer {make_key(organization, 'admin')}"})
    assert [each["model"] for each in listed.json()["results"]] == ["small"]
    with tenant(organization.id), connection.cursor() as cursor:
        cursor.execute("SELECT api_key FROM organizations_modelendpoint")
        assert "sk-secret" not in cursor.fetchone()[0]
    audited = str(AuditEvent.objects.filter(action="model.set").values())
    assert "sk-secret" not in answer.content.decode() + listed.content.decode() + audited


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "http://93.184.216.34/v1"}, {"base_url": "https://127.0.0.1/v1"}, {"base_url": "https://2130706433"},
        {"base_url": "https://[::ffff:10.0.0.1]/v1"}, {"base_url": "https://user:word@example.com/"},
        {"base_url": "https://example.com/v1?key=1"}, {"model": ""}, {"model": "a\nb"}, {"api_key": "a\r\nX: 1"},
        {"tokens_per_run": 0}, {"tokens_per_day": 10**12}, {"tokens_per_day": True}, {"colour": "blue"},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(changes: dict[str, Any]) -> None:
    answer = put(make_organization(), **changes)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_model")


def test_a_key_stays_with_the_address_it_was_given_for() -> None:
    organization = make_organization()
    put(organization)

    again = put(organization, api_key=None, tokens_per_day=5)
    elsewhere = put(organization, api_key=None, base_url="https://93.184.216.35/v1")

    assert (again.status_code, again.json()["has_key"], again.json()["tokens_per_day"]) == (200, True, 5)
    assert elsewhere.status_code == 422


def test_an_applications_own_model_goes_before_the_organizations() -> None:
    organization = make_organization()
    application, other = make_application(organization), make_application(organization, "sales")
    put(organization)
    put(organization, "?application=support", model="own")

    with tenant(organization.id):
        found = [selectors.model_for(each, "probes") for each in (application, other)]

    assert [each.model for each in found if each] == ["own", "small"]


def test_a_model_that_is_down_three_times_in_a_row_is_left_alone_for_a_while() -> None:
    endpoint = make_model(make_organization())

    with tenant(endpoint.organization_id):
        endpoints.note_down(endpoint, at=AT)
        endpoints.note_answered(endpoint)
        for _ in range(endpoints.TRIPS_AT):
            endpoint.refresh_from_db()
            assert endpoint.broken_until is None
            endpoints.note_down(endpoint, at=AT)
        endpoint.refresh_from_db()

    assert endpoint.broken_until == AT + endpoints.REST


def test_a_model_can_be_forgotten_with_its_key() -> None:
    organization = make_organization()
    put(organization)
    key = make_key(organization, "admin")

    answers = [
        Client().delete("/api/v1/models/probes", headers={"Authorization": f"Bearer {key}"}).status_code
        for _ in range(2)
    ]

    assert answers == [204, 404]
