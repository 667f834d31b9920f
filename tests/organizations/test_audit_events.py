"""GET /audit-events: the trail of one organization, for keys that may administer it, page by page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.organizations.api.audit import PAGE
from apps.organizations.models import Organization
from apps.organizations.services import record_audit
from tests.factories import AT, make_application, make_key, make_organization

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/audit-events"


@pytest.fixture
def acme() -> Organization:
    return make_organization("acme")


def did(organization: Organization, action: str, actor: str = "ada@acme.test", subject: str = "x_1") -> None:
    record_audit(
        organization_id=organization.id, at=AT, actor=actor, action=action, subject=subject, reason="it was time"
    )


def ask(key: str, address: str = ADDRESS, **query: str) -> Any:
    return Client().get(address, query, headers={"Authorization": f"Bearer {key}"})


def told(key: str, **query: str) -> list[str]:
    return [each["action"] for each in ask(key, **query).json()["results"]]


def test_it_tells_who_did_what_to_what_newest_first(acme: Organization) -> None:
    key = make_key(acme, "admin")
    did(acme, "experiment.created")
    did(acme, "experiment.promoted")

    answer = ask(key)

    newest, before = answer.json()["results"][:2]
    assert (answer.status_code, before["action"]) == (200, "experiment.created")
    assert newest == {
        "id": newest["id"], "at": AT.isoformat().replace("+00:00", "Z"), "actor": "ada@acme.test",
        "action": "experiment.promoted", "subject": "x_1", "detail": {"reason": "it was time"},
    }  # fmt: skip


def test_it_is_filtered_as_the_portals_page_is(acme: Organization) -> None:
    key = make_key(acme, "admin")
    did(acme, "experiment.promoted", actor="ada@acme.test")
    did(acme, "experiment.promoted", actor="ben@acme.test")
    did(acme, "webhook.created", actor="ben@acme.test")

    assert told(key, actor="ben@acme.test") == ["webhook.created", "experiment.promoted"]
    assert told(key, action="experiment.promoted") == ["experiment.promoted"] * 2
    assert told(key, action="experiment.promoted", actor="ben@acme.test") == ["experiment.promoted"]
    assert told(key, actor="' OR 1=1 --") == []


def test_pages_go_on_where_they_ended_and_keep_the_filter(acme: Organization) -> None:
    key = make_key(acme, "admin")
    for number in range(PAGE + 3):
        did(acme, "view.shared", subject=f"f_{number}")
    did(acme, "webhook.created")

    first = ask(key, action="view.shared").json()
    did(acme, "view.shared", subject="f_later")
    second = ask(key, first["next"].split("testserver")[1]).json()

    subjects = [each["subject"] for each in (*first["results"], *second["results"])]
    assert subjects == [f"f_{number}" for number in reversed(range(PAGE + 3))]
    assert second["next"] is None


def test_nobody_else_reads_it(acme: Organization) -> None:
    other = make_organization("other")
    did(acme, "experiment.promoted")
    bound = make_key(acme, "admin", application=make_application(acme))

    assert "experiment.promoted" not in told(make_key(other, "admin"))
    assert ask(make_key(acme, "read", "experiments")).status_code == 403
    assert (ask(bound).status_code, ask(bound).json()["code"]) == (403, "bound_key")
    assert Client().get(ADDRESS).status_code == 401


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "W10", "WzEsMl0"])
def test_a_cursor_that_was_not_made_here_is_refused(acme: Organization, cursor: str) -> None:
    answer = ask(make_key(acme, "admin"), cursor=cursor)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


def test_a_page_takes_as_many_queries_however_long_it_is(
    acme: Organization, django_assert_max_num_queries: Any
) -> None:
    key = make_key(acme, "admin")
    for _ in range(PAGE + 1):
        did(acme, "view.shared")
    ask(key)

    with django_assert_max_num_queries(8):
        ask(key)
