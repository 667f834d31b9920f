"""Every page in two themes and two widths: quiet in the console, no wider than the window, pictured for who looks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from apps.ingestion.models import Batch, Conversation
from apps.insights.models import Insight
from apps.platform.tenancy import tenant
from tests.factories import make_key, make_organization
from tests.portal.browser import Watched
from tests.portal.world import World, make_member, session_of

pytestmark = pytest.mark.browser
PICTURES = Path(os.environ.get("FLYWHEEL_SCREENSHOTS", Path(__file__).parents[2] / "var" / "screenshots"))
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
    "experiments": "/experiments/",
    "roi": "/roi/",
    "roi-reports": "/roi/reports/",
    "roi-assumptions": "/roi/assumptions/",
    "guardrails": "/guardrails/",
    "guardrail": "/guardrails/house-rules/?version=2&application=support",
    "library": "/library/",
    "prompt": "/library/support/?version=2",
    "shared": "/shared/",
    "cycles": "/cycles/",
    "configuration": "/applications/support/wheel/",
    "organizations": "/organizations/",
    "organization": "/organization/",
    "pinned": "/pinned/",
    "applications": "/applications/",
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
    "missing": "/conversations/999999999/",
}
Open = Callable[..., Watched]


def take(reader: Watched, pages: dict[str, str], width: int) -> dict[str, int]:
    """Picture the pages in both themes; return how wide each became."""
    wide = {}
    for name, path in pages.items():
        reader.go(path)
        wide[name] = reader.page.evaluate("document.documentElement.scrollWidth")
        for theme in ("light", "dark"):
            reader.choose_theme(theme)
            reader.picture(PICTURES / f"{name}-{width}-{theme}.png")
    return wide


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_quiet_and_fits_its_window_in_both_themes(world: World, open_browser: Open, width: int) -> None:
    with tenant(world.organization.id):
        one = Conversation.objects.get(session_id="attack-0")
        batch = Batch.objects.order_by("id")[0]
        insight = Insight.objects.order_by("id")[0]
    reader = open_browser({"width": width, "height": 900})
    reader.sign_in(world.session("owner"))

    pages = PAGES | {
        "conversation": f"/conversations/{one.id}/",
        "batch": f"/uploads/{batch.public_id}/",
        "run": f"/runs/{world.run_id}/",
        "cycle": f"/cycles/{world.cycle_id}/",
        "webhook": f"/webhooks/{world.webhook_id}/",
        "insight": f"/insights/{insight.public_id}/",
        "improvement": f"/improvements/{world.improvement_id}/",
        "improvement-shield": f"/improvements/{world.shield_id}/",
        "experiment": f"/experiments/{world.experiment_id}/",
    }
    wide = take(reader, pages, width)

    assert wide == dict.fromkeys(pages, width)


@pytest.mark.parametrize("width", [1440, 390])
def test_the_first_pages_a_person_meets_are_as_quiet(world: World, open_browser: Open, width: int) -> None:
    newcomer = open_browser({"width": width, "height": 900})
    wide = take(newcomer, SIGNED_OUT, width)
    organization = make_organization(f"new-{width}", name="New")
    make_key(organization, "ingest", "read")
    newcomer.sign_in(session_of(make_member(organization, "owner")))
    wide |= take(newcomer, {"onboarding": "/"}, width)

    assert set(wide.values()) == {width}


def test_the_readable_api_page_works_under_the_same_policy(world: World, open_browser: Open) -> None:
    reader = open_browser()
    reader.sign_in(world.session("viewer"))

    assert reader.go("/api/docs/") == 200
    reader.page.get_by_text("/api/v1/logs").first.wait_for()
    reader.picture(PICTURES / "api-docs-1440-light.png")


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

    opened = {}
    for name, path in pages.items():
        opened[name] = staff.go(path)
        staff.picture(PICTURES / f"{name}-1440-light.png")

    assert opened == dict.fromkeys(pages, 200)


def test_the_picture_in_the_readme_is_small_enough_to_load(world: World, open_browser: Open) -> None:
    reader = open_browser({"width": 1280, "height": 860})
    reader.sign_in(world.session("owner"))

    reader.go("/security/?application=support&days=7")
    path = PICTURES / "readme.png"
    reader.page.screenshot(path=path, animations="disabled")

    assert path.stat().st_size < 200_000
