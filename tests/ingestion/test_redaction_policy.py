"""The redaction policy: changed by administrators, audited, and no text passes when it cannot be applied."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from apps.ingestion.models import Batch, Message
from apps.organizations.models import AuditEvent, Organization
from apps.platform.tenancy import tenant
from tests.factories import make_application, make_key, make_organization
from tests.ingestion.test_logs_api import line, push, store

pytestmark = pytest.mark.django_db


def ask(key: str, method: str, body: Any = None) -> Any:
    return Client().generic(
        method, "/api/v1/redaction-policy", json.dumps(body), content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip


def test_a_changed_policy_holds_for_the_next_push_and_is_audited_once() -> None:
    organization = make_organization()
    key = make_key(organization)

    assert ask(key, "GET").json() == {"policy": "mask"}
    assert [ask(key, "PUT", {"policy": "drop"}).status_code for _ in range(2)] == [200, 200]
    store(organization, push(key, line(message="I am joe@example.com")).json()["batch_id"])

    with tenant(organization.id):
        assert Message.objects.get(organization_id=organization.id).content == "[REDACTED]"
    events = AuditEvent.objects.filter(organization=organization, action="redaction.changed")
    assert [event.detail for event in events] == [{"before": "mask", "after": "drop"}]


def test_a_wrong_policy_and_a_key_of_one_application_change_nothing() -> None:
    organization = make_organization()
    bound = make_key(organization, application=make_application(organization))

    wrong = [ask(make_key(organization), "PUT", body) for body in ({"policy": "of"}, {"policy": 7}, ["off"], None)]
    bound_answer = ask(bound, "PUT", {"policy": "off"})

    assert [(each.status_code, each.json()["code"]) for each in wrong] == [(422, "bad_policy")] * 4
    assert (bound_answer.status_code, bound_answer.json()["code"]) == (403, "bound_key")
    assert Organization.objects.get(id=organization.id).redaction == "mask"


def test_when_redaction_fails_nothing_is_stored_and_the_sender_hears_why(monkeypatch: pytest.MonkeyPatch) -> None:
    organization = make_organization()

    def fail(text: str) -> str:
        raise MemoryError(text)

    monkeypatch.setattr("apps.ingestion.domain.redaction.mask", fail)
    answer = push(make_key(organization), line(message="I am joe@example.com"))

    assert (answer.status_code, answer.json()["code"]) == (500, "redaction_failed")
    assert "joe" not in answer.content.decode()
    with tenant(organization.id):
        assert Batch.objects.count() == 0
