"""Reports: frozen with their hash, compared with the one before, mailed once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from django.core import mail
from django.db import DatabaseError, transaction
from django.test import Client

from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from apps.reports.domain.content import digest
from apps.reports.models import Report, ReportSchedule
from apps.reports.services import assumptions, mailing, reporting, scheduling
from tests.factories import make_key
from tests.portal.world import make_member
from tests.reports.world import Ledger

pytestmark = pytest.mark.django_db


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    made.say(escalation_cost="1.10 1.90 3.20", hourly_rate="50 75 120", weekly_hours="0.1 0.2 0.3", setup_hours="1")
    made.tried(0.4, 0.08)
    made.pass_time(days=1)
    made.talk(400)
    return made


def call(ledger: Ledger, method: str, path: str, body: Any = None, *scopes: str) -> Any:
    return Client().generic(
        method, f"/api/v1/roi/{path}", b"" if body is None else orjson.dumps(body), content_type="application/json",
        headers={"Authorization": f"Bearer {make_key(ledger.organization, *(scopes or ('reports',)))}"},
    )  # fmt: skip


def write(ledger: Ledger, body: dict[str, Any]) -> str:
    asked = call(ledger, "POST", "reports", body)
    assert asked.status_code == 202, asked.content
    with tenant(ledger.organization.id):
        reporting.write(organization=ledger.organization, report_id=asked.json()["id"], at=ledger.now)
    return str(asked.json()["id"])


def test_a_report_is_asked_for_written_frozen_and_read_in_every_form(ledger: Ledger) -> None:
    asked = call(ledger, "POST", "reports", {"application": "support"}).json()
    assert (asked["status"], call(ledger, "GET", f"reports/{asked['id']}.pdf").status_code) == ("waiting", 409)
    with tenant(ledger.organization.id):
        reporting.write(organization=ledger.organization, report_id=asked["id"], at=ledger.now)

    read = call(ledger, "GET", f"reports/{asked['id']}").json()
    files = {form: call(ledger, "GET", f"reports/{asked['id']}.{form}") for form in ("json", "csv", "pdf")}

    assert (read["status"], read["sha256"]) == ("ready", digest(read["content"]))
    assert read["content"]["headline"].startswith("90 % likely")
    assert files["json"].json()["sha256"] == read["sha256"]
    assert files["pdf"].content.startswith(b"%PDF-")
    assert "Escalations avoided" in files["csv"].content.decode("utf-8-sig")
    assert call(ledger, "GET", f"reports/{asked['id']}.exe").status_code == 404
    with tenant(ledger.organization.id), pytest.raises(DatabaseError, match="never change"), transaction.atomic():
        Report.objects.update(asked_by="somebody else")


def test_the_report_of_a_month_stands_beside_that_of_the_month_before(ledger: Ledger) -> None:
    ledger.pass_time(days=28)
    write(ledger, {"kind": "monthly", "period": "2026-11"})
    ledger.talk(400)
    ledger.pass_time(days=30)

    second = call(ledger, "GET", f"reports/{write(ledger, {'kind': 'monthly', 'period': '2026-12'})}").json()

    before = second["content"]["before"]
    assert (before["name"], before["words"].endswith(" this month")) == ("2026-11", True)
    assert before["realised"] == second["content"]["period"]["net"]
    assert before["claimed"] != before["realised"]
    again = call(ledger, "GET", f"reports/{write(ledger, {'kind': 'monthly', 'period': '2026-12'})}").json()
    assert (again["version"], again["content"]["before"]["name"]) == (2, "2026-11")


def test_a_frozen_report_stays_when_an_assumption_is_withdrawn_and_says_so(ledger: Ledger) -> None:
    report = write(ledger, {})
    before = call(ledger, "GET", f"reports/{report}").json()
    with tenant(ledger.organization.id):
        assumptions.withdraw(
            application=ledger.application, key="escalation_cost", version=1, at=ledger.now, actor="eve", why="a typo"
        )

    after = call(ledger, "GET", f"reports/{report}").json()

    assert (after["content"], before["withdrawn_since"]) == (before["content"], [])
    assert [(each["key"], each["by"], each["why"]) for each in after["withdrawn_since"]] == [
        ("escalation_cost", "eve", "a typo")
    ]
    assert ledger.fill()["headline"] != before["content"]["headline"]


def test_the_schedule_asks_once_for_the_month_that_has_ended_and_executives_are_mailed_once(ledger: Ledger) -> None:
    make_member(ledger.organization, "executive", "eve@northwind.test")
    make_member(ledger.organization, "viewer", "vera@northwind.test")
    scheduling.ensure_schedules(organization=ledger.organization, at=ledger.now)
    assert scheduling.start_due(at=ledger.now) == 0
    ledger.pass_time(days=28)

    started = [scheduling.start_due(at=datetime(2020, 1, 1, tzinfo=UTC)) for _ in range(2)]

    with tenant(ledger.organization.id):
        report = Report.objects.get()
        reporting.write(organization=ledger.organization, report_id=report.public_id, at=ledger.now)
    sent = [mailing.send(organization=ledger.organization, report_id=report.public_id) for _ in range(2)]
    assert (started, sent, report.kind, report.period) == ([1, 0], [1, 0], "monthly", "2026-11")
    (message,) = mail.outbox
    assert (message.to, message.attachments[0][2]) == (["eve@northwind.test"], "application/pdf")
    assert "90 % likely" in message.body
    assert ReportSchedule.objects.get(kind="monthly").next_at == datetime(2027, 1, 1, 6, tzinfo=UTC)
    assert WorkItem.objects.filter(kind="reports.mail").count() == 1


def test_a_hostile_name_is_data_in_every_form(ledger: Ledger) -> None:
    name = '=HYPERLINK("https://evil.example") \u202e<script>'
    with tenant(ledger.organization.id):
        ledger.application.name = name
        ledger.application.save()
    ledger.say(value_of_quality_score="1")
    report = write(ledger, {})
    with tenant(ledger.organization.id):
        row = Report.objects.get(public_id=report)
    from apps.reports.printing.files import as_csv

    row.content["lines"][0]["label"] = name
    row.content["lines"][0]["effect"] = -0.25
    table = as_csv(row.content)

    assert "\"'=HYPERLINK" in table
    assert ",-0.25," in table
    assert call(ledger, "GET", f"reports/{report}.pdf").status_code == 200


def test_the_model_is_said_over_the_api_and_refused_with_every_fault(ledger: Ledger) -> None:
    said = {"key": "incident_loss", "low": 1000, "mode": 20000, "high": 90000, "owner": "security", "source": "guess"}

    bad = call(ledger, "PUT", "model?application=support", {"assumptions": [
        said | {"low": 5, "mode": 4}, said | {"key": "nonsense", "source": "rumour"}, said | {"mode": "NaN"},
    ]})  # fmt: skip
    good = call(ledger, "PUT", "model?application=support", {"assumptions": [said]}).json()

    assert bad.status_code == 422
    assert {each["field"] for each in bad.json()["faults"]} >= {"assumptions[2].mode"}
    assert [each["key"] for each in good["waiting"]] == ["incident_loss"]
    assert {each["key"]: each["source"] for each in good["assumptions"]}["time_realised"] == "guess"
    assert call(ledger, "GET", "model", None).json()["code"] == "no_application"
    assert call(ledger, "PUT", "model?application=support", {"currency": "EUR"}).json()["code"] == "currency_is_set"


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "yearly"}, {"kind": "monthly", "period": "2026-13"}, {"since": "2026-11-09", "until": "2026-11-01"},
        {"period": 3, "kind": "quarterly"}, {"other": 1}, {"since": "x"},
    ],
)  # fmt: skip
def test_a_period_that_is_none_is_refused(body: dict[str, Any]) -> None:
    assert call(Ledger(), "POST", "reports", body).json()["code"] == "bad_report"
