"""From a finding to what it is worth, by mouse: a verdict corrected, a change approved, tried, promoted, taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.evaluations.models import VerdictLabel
from apps.experiments import serving
from apps.experiments.services import exposing
from apps.organizations.models import Application, AuditEvent
from apps.platform import clock
from apps.platform.tenancy import tenant
from apps.reports.models import Report
from apps.reports.services import reporting
from tests.experiments.world import PLAN
from tests.experiments.world import World as Trying
from tests.factories import make_application, make_improvement, make_organization
from tests.portal.browser import Watched
from tests.portal.test_journeys import attack
from tests.portal.world import capture, make_member, session_of

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("committed")]
Open = Callable[..., Watched]


@pytest.fixture
def trying() -> Iterator[Trying]:
    """An organization with a prompt in two versions, whose users and clock the test moves."""
    serving.pictures.forget()
    exposing.forget()
    yield Trying()
    serving.pictures.forget()


def open_as(open_browser: Open, trying: Trying, role: str) -> Watched:
    reader = open_browser()
    reader.sign_in(session_of(make_member(trying.organization, role)))
    return reader


def press(page: Page, words: str) -> None:
    """Press a button that asks again, and say yes."""
    page.locator("main").get_by_role("button", name=words).click()
    page.locator("#fw-dialog").get_by_role("button", name=words).click()


def test_an_attack_is_found_read_and_its_verdict_corrected(open_browser: Open) -> None:
    organization = make_organization("acme", name="Acme")
    capture(organization, attack())
    analyst = open_browser()
    analyst.sign_in(session_of(make_member(organization, "analyst")))

    analyst.go("/security/")
    analyst.page.get_by_role("link", name="s-attack").first.click()
    expect(analyst.page.locator("#m1 mark").first).to_contain_text("Ignore all previous instructions")
    analyst.page.get_by_label("Assessment").get_by_role("button", name="No attack").first.click()

    expect(analyst.page.get_by_text("Your verdict is kept.")).to_be_visible()
    with tenant(organization.id):
        assert VerdictLabel.objects.get().is_attack is False


def test_a_proposal_is_read_approved_and_started(open_browser: Open, trying: Trying) -> None:
    with tenant(trying.organization.id):
        proposal = make_improvement("support", make_application(trying.organization))
    analyst = open_as(open_browser, trying, "analyst")

    analyst.go("/improvements/")
    analyst.page.get_by_role("link", name="exact").click()
    expect(analyst.page.locator(".fw-diff--in")).to_contain_text("Be kind and exact.")
    analyst.page.get_by_role("button", name="Approve").click()
    dialog = analyst.page.locator("#fw-dialog")
    dialog.get_by_label("Why?").fill("It answers <b>what</b> was found.")
    dialog.get_by_role("button", name="Approve").click()
    expect(analyst.page.locator(".fw-lede")).to_contain_text("approved")
    expect(analyst.page.get_by_role("row", name="Approved")).to_contain_text("It answers <b>what</b> was found.")
    analyst.page.get_by_role("button", name="Start", exact=True).click()

    expect(analyst.page.locator(".fw-lede")).to_contain_text("running")
    analyst.page.get_by_role("link", name="The experiment").click()
    expect(analyst.page.locator(".fw-lede")).to_contain_text("running")
    actions = AuditEvent.objects.filter(subject=proposal.public_id).values_list("action", flat=True)
    assert "improvement.approved" in actions


def test_an_experiment_is_started_watched_and_promoted(open_browser: Open, trying: Trying) -> None:
    made = trying.post("experiments", PLAN | {"approval": "one"})["id"]
    owner = open_as(open_browser, trying, "owner")

    owner.go("/experiments/")
    owner.page.get_by_role("link", name="brief").click()
    owner.page.get_by_role("button", name="Start", exact=True).click()
    expect(owner.page.locator(".fw-lede")).to_contain_text("running")
    trying.talk(400, escalated={"control": 0.4, "brief": 0.08})
    trying.tick(made)
    owner.page.reload()
    expect(owner.page.locator("main")).to_contain_text("It needs")
    trying.pass_time(days=2, hours=1)
    trying.tick(made)
    owner.page.reload()
    expect(owner.page.locator("main")).to_contain_text("Brief is better on escalation rate: −")
    press(owner.page, "Promote the winner")

    expect(owner.page.locator(".fw-lede")).to_contain_text("promoted")
    assert trying.get("prompts/support")["version"] == 2


def test_a_running_experiment_is_rolled_back_and_keeping_it_is_one_key_away(open_browser: Open, trying: Trying) -> None:
    made = trying.begin()
    analyst = open_as(open_browser, trying, "analyst")
    analyst.go(f"/experiments/{made}/")

    analyst.page.locator("main").get_by_role("button", name="Roll back").click()
    expect(analyst.page.locator("#fw-dialog")).to_contain_text("previous version again")
    analyst.page.keyboard.press("Escape")
    expect(analyst.page.locator("#fw-dialog")).not_to_be_visible()
    expect(analyst.page.locator(".fw-lede")).to_contain_text("running")
    press(analyst.page, "Roll back")

    expect(analyst.page.locator(".fw-lede")).to_contain_text("rolled back")
    assert trying.get("prompts/support")["version"] == 1


def test_the_return_is_read_and_its_report_taken_along(open_browser: Open, trying: Trying, tmp_path: Path) -> None:
    make_application(trying.organization)
    executive = open_as(open_browser, trying, "executive")

    executive.go("/roi/")
    expect(executive.page.get_by_role("heading", level=1)).to_contain_text("eturn")
    executive.go("/roi/reports/")
    executive.page.get_by_role("button", name="This month until now").click()
    expect(executive.page.get_by_text("A worker is writing it.")).to_be_visible()
    with tenant(trying.organization.id):
        report = Report.objects.get()
        reporting.write(organization=trying.organization, report_id=report.public_id, at=clock.now(trying.organization))
    expect(executive.page.get_by_text("A worker is writing it.")).not_to_be_visible()
    with executive.page.expect_download() as waiting:
        executive.page.locator("main").get_by_role("link", name="PDF").click()
    file = tmp_path / "report.pdf"
    waiting.value.save_as(file)

    assert file.read_bytes().startswith(b"%PDF-")


def test_what_worked_elsewhere_is_shared_and_adopted(open_browser: Open, trying: Trying) -> None:
    with tenant(trying.organization.id):
        shop: Application = make_application(trying.organization, "shop")
    analyst = open_as(open_browser, trying, "analyst")

    analyst.go("/library/support/?version=2")
    analyst.page.get_by_role("button", name="Share version 2").click()
    expect(analyst.page.get_by_text("It is shared now.")).to_be_visible()
    analyst.page.get_by_label("Adopt it for").select_option(shop.slug)
    analyst.page.get_by_role("button", name="Adopt", exact=True).click()

    expect(analyst.page.get_by_text("has its own copy, shop-support")).to_be_visible()
    assert trying.get("prompts/shop-support")["prompt"] == "Be kind and brief."
