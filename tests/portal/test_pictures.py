"""Every page in two themes and two widths: quiet, accessible, no wider than the window, pictured for who looks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import DEFAULT_OPTIONS, Axe
from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve, reverse

from apps.ingestion.models import Batch, Conversation
from apps.insights.models import Insight
from apps.platform.tenancy import tenant
from flywheel import portal_urls
from tests.architecture.test_portal_access import DOORS
from tests.factories import make_application, make_key, make_organization
from tests.portal.browser import Watched
from tests.portal.world import World, make_member, session_of

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
PICTURES = Path(os.environ.get("FLYWHEEL_SCREENSHOTS", ROOT / "var" / "screenshots"))
AXE = Axe()
# A theme is another set of colours, as a test below shows: what axe-core finds by them is looked for in each.
OF_COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
# Answered with a file, a part of a page, or somewhere else to go.
NOT_PAGES = {
    "conversations_csv", "insights_csv", "rejected_lines", "rejected_json", "roi_report_file", "home_turns",
    "quality_outlook", "quality_topics", "templates_csv", "listening", "improvements_column", "batch_status",
    "run_progress", "experiment_money", "landing",
}  # fmt: skip
SIGNED_OUT = {
    "sign-in": "/accounts/login/",
    "sign-up": "/accounts/signup/",
    "password-reset": "/accounts/password/reset/",
}
PAGES = {
    "home": "/?application=support",
    "start": "/start/",
    "conversations": "/conversations/?application=support&min_risk=0.5",
    "security": "/security/?application=support",
    "audit-sample": "/security/sample/?application=support",
    "threat-patterns": "/threat-patterns/",
    "quality": "/quality/?application=support",
    "business": "/business/?application=support",
    "performance": "/performance/?application=support",
    "uploads": "/uploads/",
    "upload": "/uploads/new/",
    "sources": "/sources/",
    "runs": "/runs/",
    "insights": "/insights/",
    "insights-list": "/insights/?state=open",
    "improvements": "/improvements/",
    "improvements-list": "/improvements/?view=list",
    "experiments": "/experiments/",
    "planner": "/experiments/plan/?application=support&gate_1=generic_responses&margin_1=2",
    "roi": "/roi/",
    "roi-reports": "/roi/reports/",
    "roi-assumptions": "/roi/assumptions/",
    "guardrails": "/guardrails/",
    "guardrail": "/guardrails/house-rules/?version=2&application=support",
    "library": "/library/",
    "prompt": "/library/support/?version=2",
    "templates": "/library/templates/",
    "template-candidates": "/library/templates/?status=candidate",
    "template": "/library/templates/t_HOSTILE/",
    "shared": "/shared/",
    "cycles": "/cycles/",
    "configuration": "/applications/support/wheel/",
    "organizations": "/organizations/",
    "organization": "/organization/",
    "pinned": "/pinned/",
    "applications": "/applications/",
    "new-application": "/applications/new/",
    "models": "/models/",
    "model": "/models/set/",
    "application": "/applications/support/",
    "team": "/team/",
    "keys": "/keys/",
    "alerts": "/alerts/",
    "webhooks": "/webhooks/",
    "redaction": "/redaction/",
    "audit": "/audit/",
    "account-email": "/accounts/email/",
    "account-password": "/accounts/password/change/",
    "account-mfa": "/accounts/2fa/",
    "account-sessions": "/accounts/sessions/",
    "account-confirm": "/accounts/reauthenticate/",
    "missing": "/conversations/999999999/",
}
# What a new organization sees: nothing yet, and the next step.
EMPTY = {
    "onboarding": "/",
    **{f"empty-{name}": PAGES[name] for name in (
        "start", "threat-patterns", "uploads", "sources", "runs", "insights", "improvements", "experiments", "planner",
        "roi",
        "roi-reports", "roi-assumptions", "guardrails", "library", "shared", "cycles", "keys", "alerts", "webhooks",
        "audit", "models", "templates",
    )},
    **{f"empty-{name}": f"/{name}/" for name in ("conversations", "security", "quality", "business", "performance")},
}  # fmt: skip
Open = Callable[..., Watched]


def take(reader: Watched, pages: dict[str, str], width: int) -> tuple[dict[str, int], list[str]]:
    """Picture the pages in both themes; return how wide each became, and what axe-core finds amiss on them."""
    wide, amiss = {}, []
    for name, path in pages.items():
        assert reader.go_and_wait_for_parts(path) == (404 if name == "missing" else 200), name
        wide[name] = reader.page.evaluate("document.documentElement.scrollWidth")
        for theme in ("light", "dark"):
            reader.choose_theme(theme)
            reader.picture(PICTURES / f"{name}-{width}-{theme}.png")
            if theme == "light":
                amiss += [f"{name} light: {each}" for each in look_for_barriers(reader)]
            elif width > 1000:
                amiss += [f"{name} dark: {each}" for each in look_for_barriers(reader, OF_COLOURS)]
    return wide, amiss


def look_for_barriers(reader: Watched, options: dict[str, Any] = DEFAULT_OPTIONS) -> list[str]:
    """Return every rule of axe-core that the page breaks, with the first element that does."""
    return [
        f"{found['impact']} {found['id']} {found['nodes'][0]['html'][:120]}"
        for found in AXE.run(reader.page, options=options).response["violations"]
    ]


def pages_of(world: World) -> dict[str, str]:
    """Return the address of every page of the portal, those of rows with a row of this world."""
    with tenant(world.organization.id):
        one = Conversation.objects.get(session_id="attack-0")
        batch = Batch.objects.order_by("id")[0]
        insight = Insight.objects.order_by("id")[0]
    return PAGES | {
        "pinned-conversation": f"/pinned/{world.pin_id}/",
        "conversation": f"/conversations/{one.id}/",
        "batch": f"/uploads/{batch.public_id}/",
        "run": f"/runs/{world.run_id}/",
        "cycle": f"/cycles/{world.cycle_id}/",
        "webhook": f"/webhooks/{world.webhook_id}/",
        "insight": f"/insights/{insight.public_id}/",
        "improvement": f"/improvements/{world.improvement_id}/",
        "improvement-shield": f"/improvements/{world.shield_id}/",
        "experiment": f"/experiments/{world.experiment_id}/",
        "roi-report": f"/roi/reports/{world.report_id}/",
        "roi-line": f"/roi/lines/{world.experiment_id}/",
    }


def test_every_page_that_may_be_read_is_pictured(world: World) -> None:
    pictured = {resolve(path.split("?")[0]).url_name for path in pages_of(world).values()}

    assert {name for name, door in DOORS.items() if door.read} - NOT_PAGES - pictured == set()
    assert NOT_PAGES & pictured == set()
    assert {pattern.name for pattern in portal_urls.urlpatterns} >= NOT_PAGES


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_quiet_accessible_and_fits_its_window(world: World, open_browser: Open, width: int) -> None:
    reader = open_browser({"width": width, "height": 900})
    reader.sign_in(world.session("owner"))
    pages = pages_of(world)

    wide, amiss = take(reader, pages, width)

    assert wide == dict.fromkeys(pages, width)
    assert [each for each in amiss if ": serious" in each or ": critical" in each] == []


@pytest.mark.parametrize("width", [1440, 390])
def test_the_first_pages_a_person_meets_are_as_quiet(world: World, open_browser: Open, width: int) -> None:
    newcomer = open_browser({"width": width, "height": 900})
    wide, amiss = take(newcomer, SIGNED_OUT, width)
    organization = make_organization(f"new-{width}", name="New")
    make_key(organization, "ingest", "read")
    make_application(organization)
    newcomer.sign_in(session_of(make_member(organization, "owner")))
    empty_wide, empty_amiss = take(newcomer, EMPTY, width)

    assert wide | empty_wide == dict.fromkeys(SIGNED_OUT | EMPTY, width)
    assert amiss + empty_amiss == []


def test_the_dark_theme_changes_colours_and_nothing_else() -> None:
    files = (ROOT / "static" / "flywheel" / "css").glob("*.css")
    styles = [re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL) for path in files]
    dark = [rule for text in styles for rule in re.findall(r"[^{}]*\[data-bs-theme=dark[^{}]*\{([^{}]*)\}", text)]
    set_there = {each.split(":")[0].strip() for rule in dark for each in rule.split(";") if ":" in each}

    assert dark
    assert {name for name in set_there if not name.startswith("--")} <= {"color-scheme", "background-image"}


def test_the_style_guide_shows_its_components_in_debug_only(world: World, open_browser: Open, settings: Any) -> None:
    client = Client()
    client.force_login(world.people["viewer"], backend="django.contrib.auth.backends.ModelBackend")

    closed = client.get("/styleguide/").status_code
    settings.DEBUG = True
    shown = client.get("/styleguide/")

    assert (closed, shown.status_code) == (404, 200)
    assert shown.content.count(b"data-fw-chart=") == 4
    reader = open_browser()
    # The served portal is not in debug: it is given the page as debug made it, policy included.
    reader.page.route("**/styleguide/", lambda asked: asked.fulfill(
        body=shown.content, headers={name.lower(): value for name, value in shown.items()},
    ))  # fmt: skip
    assert take(reader, {"styleguide": "/styleguide/"}, 1440) == ({"styleguide": 1440}, [])


def test_the_readable_api_page_works_under_the_same_policy(world: World, open_browser: Open) -> None:
    reader = open_browser()
    reader.sign_in(world.session("viewer"))

    assert reader.go("/api/docs/") == 200
    reader.page.get_by_text("/api/v1/logs").first.wait_for()
    reader.picture(PICTURES / "api-docs-1440-light.png")
    # Swagger's own rows are buttons within a button; what the host can mend is mended.
    serious = [each for each in look_for_barriers(reader) if each.startswith(("serious", "critical"))]
    assert [each for each in serious if "nested-interactive" not in each] == []


def test_the_administration_is_quiet_under_its_own_policy(world: World, open_browser: Open) -> None:
    User.objects.filter(id=world.people["admin"].id).update(is_staff=True, is_superuser=True)
    staff = open_browser()
    staff.sign_in(world.session("admin"))
    pages = {
        "admin": reverse("admin:index"),
        "admin-organizations": reverse("admin:organizations_organization_changelist"),
        "admin-organization": reverse("admin:organizations_organization_change", args=[world.organization.id]),
        "admin-people": reverse("admin:organizations_membership_changelist"),
        "admin-jobs": reverse("admin:platform_workitem_changelist"),
    }

    opened, amiss = {}, []
    for name, path in pages.items():
        opened[name] = staff.go(path)
        staff.picture(PICTURES / f"{name}-1440-light.png")
        amiss += [f"{name}: {each}" for each in look_for_barriers(staff)]

    assert opened == dict.fromkeys(pages, 200)
    assert [each for each in amiss if ": serious" in each or ": critical" in each] == []
