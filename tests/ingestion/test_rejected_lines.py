"""Rejected lines: kept encrypted for a week, downloaded without what is personal, tried again."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.ingestion.models import Message, RejectedLine, SealedLines
from apps.organizations.models import AuditEvent, Organization
from apps.platform import clock
from apps.platform.tenancy import tenant
from tests.factories import make_key, make_organization
from tests.ingestion.test_logs_api import line, store
from tests.portal.world import make_member

pytestmark = pytest.mark.django_db
# Good lines to a server that reads every format, and none to a push that named the wrong one.
TURNS = {"session_id": "c", "messages": [{"role": "user", "content": "mail joe@example.com"}], "user_id": "joe-77"}
BROKEN = '{"session_id":"s1","role":"user","message":"+SUM(1)'


def push_as_messages(key: str, *lines: str) -> str:
    answer = Client().post(
        "/api/v1/logs?application=support&format=messages", "\n".join(lines), content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip
    assert answer.status_code == 202, answer.content
    return str(answer.json()["batch_id"])


def redrive(key: str, batch_id: str, **asked: Any) -> Any:
    return Client().post(
        f"/api/v1/batches/{batch_id}/redrive", json.dumps(asked), content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip


def read(key: str, path: str) -> Any:
    return Client().get(f"/api/v1/batches/{path}", headers={"Authorization": f"Bearer {key}"})


def texts(organization: Organization) -> list[str]:
    with tenant(organization.id):
        return sorted(Message.objects.filter(organization_id=organization.id).values_list("content", flat=True))


def test_lines_are_stored_once_their_cause_is_gone_and_the_hopeless_one_stays() -> None:
    organization = make_organization()
    key = make_key(organization)
    batch_id = push_as_messages(key, line(), json.dumps(TURNS), BROKEN)
    store(organization, batch_id)

    same = redrive(key, batch_id, format="messages").json()
    done = redrive(key, batch_id).json()  # without a named format each line is read as what it is
    again = redrive(key, batch_id).json()
    taken = store(organization, done["batch_id"])

    assert (same, again) == ({"batch_id": None, "accepted": 0, "rejected": 2}, again | {"accepted": 0, "rejected": 1})
    assert (done["accepted"], done["rejected"], again["batch_id"]) == (1, 1, None)
    assert (taken["status"], taken["redrive_of"], taken["messages"]) == ("analyzed", batch_id, 1)
    assert texts(organization) == ["hello", "mail [EMAIL]"]
    left = read(key, batch_id).json()
    assert ([each["line"] for each in left["rejected"]], left["redriven"]) == ([3], 1)
    assert redrive(key, done["batch_id"]).json()["accepted"] == 0
    assert redrive(key, batch_id, format="csv").json()["code"] == "unknown_format"


def test_a_rejected_twin_of_an_accepted_line_is_one_more_message() -> None:
    organization = make_organization()
    key = make_key(organization)
    yes = {"role": "user", "content": "yes", "timestamp": "2026-11-02T10:00:00Z"}
    twin = json.dumps({"session_id": "s1", "messages": [yes]})
    batch_id = push_as_messages(key, json.dumps({"session_id": "s1"} | yes), twin)
    store(organization, batch_id)

    store(organization, redrive(key, batch_id).json()["batch_id"])

    assert texts(organization) == ["yes", "yes"]


def test_originals_are_ciphertext_at_rest_and_go_after_seven_days() -> None:
    organization = make_organization()
    key = make_key(organization)
    batch_id = push_as_messages(key, line(), json.dumps(TURNS))

    with tenant(organization.id), connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM ingestion_sealedlines")
        (sealed,) = cursor.fetchone()
        excerpts = list(RejectedLine.objects.values_list("excerpt", flat=True))
    assert sealed.startswith("gAAAA")
    assert "joe" not in sealed + " ".join(excerpts)
    assert excerpts[0].startswith('{"session_id": "c"')
    with tenant(organization.id):
        SealedLines.objects.update(keep_until=clock.wall())
    late = redrive(key, batch_id)
    assert (late.status_code, late.json()["code"]) == (410, "originals_gone")


def test_downloads_hold_each_line_with_its_excerpt_and_no_formula() -> None:
    key = make_key(make_organization())
    batch_id = push_as_messages(key, line(), "=cmd|' /C calc'!A0", '{"role":"user","\\u0000":1,"session_id":""}')

    table = read(key, f"{batch_id}/rejected.csv")
    lines = read(key, f"{batch_id}/rejected.ndjson")

    rows = list(csv.DictReader(io.StringIO(table.content.decode())))
    assert [(row["line"], row["code"]) for row in rows] == [("2", "not_json"), ("3", "no_session_id")]
    assert rows[0]["excerpt"] == "'=cmd|' /C calc'!A0"
    assert table.headers["Content-Disposition"] == f'attachment; filename="{batch_id}-rejected.csv"'
    told = [json.loads(each) for each in lines.content.splitlines()]
    assert told[0]["excerpt"] == "=cmd|' /C calc'!A0"
    assert told[1]["excerpt"] == '{"role":"user","�":1,"session_id":""}'


def test_every_retry_is_in_the_audit_trail() -> None:
    organization = make_organization()
    key = make_key(organization)
    batch_id = push_as_messages(key, line(), json.dumps(TURNS), BROKEN)

    redrive(key, batch_id)

    event = AuditEvent.objects.get(organization=organization, action="batch.redriven")
    assert (event.subject, event.detail) == (batch_id, {"accepted": 1, "rejected": 1, "format": "auto"})


def test_the_batchs_page_tries_them_again_and_shows_no_ones_data() -> None:
    organization = make_organization()
    key = make_key(organization)
    batch_id = push_as_messages(key, line(), json.dumps(TURNS), BROKEN)
    browser = Client()
    browser.force_login(make_member(organization, "analyst"), backend="django.contrib.auth.backends.ModelBackend")

    page = browser.get(f"/uploads/{batch_id}/").text
    answer = browser.post(f"/uploads/{batch_id}/redrive/", follow=True)

    assert "session_id" in page
    assert "joe" not in page
    assert "1 lines are good now" in answer.text
    assert f"/uploads/{batch_id}/" in answer.text
    assert "Taken on a later try" in browser.get(f"/uploads/{batch_id}/").text
