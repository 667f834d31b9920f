"""Who hears of insights, through the API; insights as a file."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client

from apps.insights.domain.signals import Figures, Signal
from apps.insights.models import AlertSubscription
from apps.organizations.models import Application, Organization
from apps.platform.tenancy import tenant
from tests.factories import AT, make_application, make_insight, make_key, make_organization
from tests.portal.world import make_member, session_of

pytestmark = pytest.mark.django_db
TEAM = {"team": "security", "floor": "medium", "about": "security", "digest_hour": 8, "quiet_from": "22:00",
        "quiet_until": "06:30"}  # fmt: skip


@pytest.fixture
def organization() -> Organization:
    return make_organization(sandbox=True, clock_at=AT)


def call(organization: Organization, method: str, path: str = "", body: Any = None, *scopes: str, **key: Any) -> Any:
    secret = make_key(organization, *(scopes or ("admin",)), **key)
    return Client().generic(
        method, f"/api/v1/alerts{path}", Client()._encode_json(body or {}, "application/json"),
        content_type="application/json", headers={"Authorization": f"Bearer {secret}"},
    )  # fmt: skip


def test_a_team_is_set_read_changed_and_removed(organization: Organization) -> None:
    made = call(organization, "PUT", body=TEAM)
    changed = call(organization, "PUT", body={"team": "security", "floor": "critical"})
    (read,) = call(organization, "GET").json()["results"]
    removed = call(organization, "DELETE", f"/{read['id']}")

    assert made.status_code == 200
    assert made.json() | {"id": "", "made_by": "", "made_at": ""} == TEAM | {
        "id": "", "made_by": "", "made_at": "", "person": None, "webhook": None
    }  # fmt: skip
    assert changed.json()["id"] == made.json()["id"] == read["id"]
    assert (read["floor"], read["about"], read["digest_hour"], read["quiet_from"]) == ("critical", "", None, None)
    assert removed.status_code == 204
    assert call(organization, "GET").json()["results"] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "a team or a webhook"),
        ({"team": "security", "webhook": "w_1"}, "one of them only"),
        ({"team": "poets"}, "a team is one of"),
        ({"webhook": "w_unknown"}, "no such webhook"),
        ({"team": "security", "floor": "awful"}, "floor is one of"),
        ({"team": "security", "floor": ["high"]}, "floor is one of"),
        ({"team": "security", "about": "weather"}, "about is empty"),
        ({"team": "security", "digest_hour": 24}, "an hour of the day"),
        ({"team": "security", "digest_hour": "8"}, "a whole number"),
        ({"team": "security", "quiet_from": "22:00"}, "a beginning and an end"),
        ({"team": "security", "quiet_from": "late", "quiet_until": "06:00"}, "a time as HH:MM"),
        ({"team": "security", "quiet_from": "22:00+01:00", "quiet_until": "06:00"}, "without one of its own"),
        ({"team": "security", "colour": "red"}, "no field of this request"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_reason(
    organization: Organization, body: dict[str, Any], words: str
) -> None:
    answer = call(organization, "PUT", body=body)

    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_only_an_administrators_key_of_the_whole_organization_may(organization: Organization) -> None:
    application = make_application(organization)
    made = call(organization, "PUT", body=TEAM).json()["id"]
    stranger = make_organization("stranger")

    assert call(organization, "GET", "", None, "read").status_code == 403
    assert call(organization, "PUT", "", TEAM, application=application).status_code == 403
    assert call(stranger, "DELETE", f"/{made}").status_code == 404
    with tenant(organization.id):
        assert AlertSubscription.objects.count() == 1


def test_insights_are_a_file_that_no_spreadsheet_runs(organization: Organization) -> None:
    application = make_application(organization)
    formula = Signal(
        "driver", "agent:=cmd", "upsell_rate", "low", "=HYPERLINK(1) goes with more upsells",
        Figures(0.1, "fraction", 400, interval=(0.02, 0.18)),
    )  # fmt: skip
    with tenant(organization.id):
        found = Application.objects.get(id=application.id)
        make_insight(found), make_insight(found, formula)
    client = Client()
    client.cookies["sessionid"] = session_of(make_member(organization, "viewer", "v@file.test"))

    answer = client.get("/insights.csv", {"kind": "driver"})
    (row,) = csv.DictReader(io.StringIO(b"".join(answer).decode()))

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert row["statement"] == "'=HYPERLINK(1) goes with more upsells"
    assert (row["value"], row["interval_low"], row["n"], row["limit"]) == ("0.1", "0.02", "400", "")
    assert client.get("/insights.csv", {"kind": "rumour"}).status_code == 400
