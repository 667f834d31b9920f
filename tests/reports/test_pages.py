"""The ROI pages: who lands there, who may change what, and the way from a figure down to what was erased since."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.organizations.models import Membership
from apps.organizations.services import ensure_application
from apps.platform.tenancy import tenant
from apps.reports.models import Assumption, BenefitLine, Report
from apps.reports.services import reporting
from tests.factories import AT
from tests.portal.world import make_member
from tests.reports.world import Ledger

pytestmark = pytest.mark.django_db


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    made.say(escalation_cost="1.10 1.90 3.20", hourly_rate="50 75 120", weekly_hours="0.1 0.2 0.3")
    made.experiment_id = made.tried(0.4, 0.08).public_id
    made.fill()
    return made


def as_role(ledger: Ledger, role: str) -> Client:
    client = Client()
    user = make_member(ledger.organization, role, f"{role}@{ledger.organization.slug}.test")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_an_executive_lands_on_the_return_and_sees_the_headline(ledger: Ledger) -> None:
    page = as_role(ledger, "executive").get("/welcome/", follow=True)

    assert page.redirect_chain == [("/roi/", 302)]
    assert b"90 % likely to" in page.content
    assert as_role(ledger, "viewer").get("/welcome/")["Location"] == "/"


def test_before_anything_was_valued_the_page_says_what_fills_it() -> None:
    fresh = Ledger()

    page = as_role(fresh, "viewer").get("/roi/").content.decode()

    assert "Nothing has been valued yet" in page


def test_a_line_leads_to_its_conversations_and_says_which_were_erased(ledger: Ledger) -> None:
    client = as_role(ledger, "viewer")

    page = client.get(f"/roi/lines/{ledger.experiment_id}/").content.decode()

    with tenant(ledger.organization.id):
        evidence = BenefitLine.objects.filter(metric="escalation_rate").values_list("evidence", flat=True)[0]
    # The facts of these users have no conversation behind them any more: their text is gone.
    assert len(evidence) == 12
    assert "12 erased: the text is gone, what was counted stays" in page
    assert "Escalations avoided" in page
    assert client.get("/roi/lines/x_unknown/").status_code == 404


def test_an_experiments_page_asks_for_its_money(ledger: Ledger) -> None:
    client = as_role(ledger, "viewer")

    page = client.get(f"/experiments/{ledger.experiment_id}/").content.decode()
    money = client.get(f"/experiments/{ledger.experiment_id}/money/").content.decode()

    assert f'hx-get="/experiments/{ledger.experiment_id}/money/"' in page
    assert "Escalations avoided" in money
    assert " to $" in money


FORM = {"key": "licence", "low": "10", "mode": "20", "high": "30", "owner": "eve", "source": "finance"}


def test_only_whom_finance_lets_changes_assumptions(ledger: Ledger) -> None:
    analyst, owner = as_role(ledger, "analyst"), as_role(ledger, "owner")
    refused = analyst.post("/roi/assumptions/", FORM)
    member = Membership.objects.get(user__email__startswith="analyst@", organization=ledger.organization)

    owner.post("/roi/assumptions/people/", {"member": member.id, "may": "yes"})
    taken = analyst.post("/roi/assumptions/", FORM)
    with tenant(ledger.organization.id):
        proposed = Assumption.objects.get(key="licence")
    analyst.post(f"/roi/assumptions/{proposed.id}/approve/")
    owner.post("/roi/assumptions/people/", {"member": member.id, "may": "no"})

    assert (refused.status_code, taken.status_code, proposed.state) == (403, 302, "proposed")
    with tenant(ledger.organization.id):
        approved = Assumption.objects.get(key="licence", version=2)
    assert (approved.state, approved.approved_by) == ("approved", member.user.email)
    assert analyst.post("/roi/assumptions/", FORM).status_code == 403


def test_a_number_outside_its_bounds_is_refused_beside_its_field(ledger: Ledger) -> None:
    page = as_role(ledger, "owner").post("/roi/assumptions/", FORM | {"key": "contribution_margin", "high": "40"})

    assert page.status_code == 422
    assert b"lies between 0 and 1 (30 % is 0.3)" in page.content


def test_without_a_currency_the_page_says_so_and_takes_one_once() -> None:
    ledger = Ledger(currency="")
    client = as_role(ledger, "owner")

    before = client.get("/roi/assumptions/").content.decode()
    client.post("/roi/assumptions/", {"currency": "eur"})
    client.post("/roi/assumptions/", {"currency": "usd"})

    ledger.organization.refresh_from_db()
    assert "The organization has no currency" in before
    assert ledger.organization.currency == "EUR"


def test_a_report_is_asked_for_on_the_page_and_downloaded(ledger: Ledger) -> None:
    client = as_role(ledger, "executive")
    waiting = client.post("/roi/reports/", {"kind": "on_demand"}, follow=True)
    with tenant(ledger.organization.id):
        report = Report.objects.get()
        reporting.write(organization=ledger.organization, report_id=report.public_id, at=ledger.now)

    page = client.get(f"/roi/reports/{report.public_id}/").content.decode()
    file = client.get(f"/roi/reports/{report.public_id}/file.pdf")

    assert b"A worker is writing it" in waiting.content
    assert "SHA-256 of the frozen content" in page
    assert file["Content-Disposition"].endswith('-v1.pdf"')
    assert file.content.startswith(b"%PDF-")


def test_a_change_that_holds_in_two_applications_is_told_across_them(ledger: Ledger) -> None:
    other = ensure_application(organization_id=ledger.organization.id, slug="shop", at=AT)
    with tenant(ledger.organization.id):
        row = BenefitLine.objects.get(metric="escalation_rate")
    from apps.reports.domain.content import adopted
    from apps.reports.selectors.ledger import rows_of

    with tenant(ledger.organization.id):
        row.pk, row.application = None, other
        row.save()
        rows = [*rows_of(ledger.application), *rows_of(other)]

    assert (row.name, ["support", "shop"]) in adopted(rows)
