"""Text that attackers log is text on every page that shows it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from apps.ingestion.models import CaptureFile, CaptureSource, Conversation
from apps.organizations.models import Application
from apps.platform.tenancy import tenant
from tests.portal.browser import Watched
from tests.portal.world import HOSTILE, NOW, World

pytestmark = pytest.mark.browser
LISTS = (
    "/?application=hostile",
    "/conversations/?application=hostile",
    "/security/?application=hostile",
    "/security/sample/?application=support",
    "/threat-patterns/",
    "/library/templates/",
    "/library/templates/?status=candidate&tag=%3Cscript%3Ewindow.pwned%3D1%3C/script%3E",
    "/library/templates/?status=candidate",
    "/library/templates/t_HOSTILE/",
    "/library/templates/t_SERVED/",
    "/admin/library/responsetemplate/",
    "/quality/?application=hostile",
    "/business/?application=hostile",
    "/performance/?application=hostile",
    "/uploads/?application=hostile",
    "/applications/",
    "/applications/hostile/",
    "/keys/",
    "/audit/",
    "/runs/",
    "/admin/organizations/apikey/",
    "/admin/organizations/auditevent/",
    "/admin/evaluations/threatpattern/",
    "/admin/ingestion/conversation/",
    "/admin/library/guardrail/",
    "/admin/insights/insight/",
    "/pinned/",
    "/organization/",
    "/sources/?application=hostile",
    "/roi/",
    "/conversations/?q=%3Cscript%3Ewindow.pwned%3D1%3C/script%3E&agent=%22%3E%3Csvg%20onload%3Dwindow.pwned%3D1%3E",
)


def test_the_text_of_attackers_is_inert_wherever_it_is_shown(
    world: World, open_browser: Callable[..., Watched]
) -> None:
    User.objects.filter(id=world.people["owner"].id).update(is_staff=True, is_superuser=True)
    with tenant(world.organization.id):
        conversations = Conversation.objects.filter(application__slug="hostile").values_list("id", flat=True)
        pages = [*LISTS, *(f"/conversations/{each}/" for each in conversations)]
    reader = open_browser()
    reader.sign_in(world.session("owner"))
    reader.go("/admin/organizations/organization/")
    reader.page.locator("input[name=_selected_action]").first.check()
    reader.page.locator("select[name=action]").first.select_option("enter_organization")
    reader.page.get_by_role("button", name="Run").first.click()

    with tenant(world.organization.id):
        source = CaptureSource.objects.create(
            organization=world.organization, application=Application.objects.get(slug="hostile"), glob=HOSTILE[1],
            error=HOSTILE[0],
        )  # fmt: skip
        CaptureFile.objects.create(
            organization=world.organization, source=source, path=HOSTILE[2], inode="1", size=9, changed_ns=1,
            read_at=NOW, error=HOSTILE[11],
        )  # fmt: skip
    reader.go("/uploads/new/?application=hostile")
    line = {"session_id": HOSTILE[0], "role": HOSTILE[1], "message": HOSTILE[2]}
    named = {
        "name": f"{HOSTILE[1]}.jsonl",
        "mimeType": "application/x-ndjson",
        "buffer": f"{json.dumps(line)}\n{json.dumps(line | {'role': 'user'})}".encode(),
    }
    reader.page.locator("[name=file]").set_input_files(named)  # type: ignore[arg-type]
    reader.page.get_by_role("button", name="Send").click()
    expect(reader.page.locator("#fw-batch")).to_contain_text("Rejected")

    run = {path: (reader.go_and_wait_for_parts(path), reader.page.evaluate("window.pwned ?? null")) for path in pages}

    assert run == dict.fromkeys(pages, (200, None))
    assert len(pages) == len(LISTS) + len(HOSTILE)


def test_hostile_text_reads_as_it_was_written(world: World, open_browser: Callable[..., Watched]) -> None:
    with tenant(world.organization.id):
        found = Conversation.objects.get(session_id__startswith="0 ", application__slug="hostile")
    reader = open_browser()
    reader.sign_in(world.session("viewer"))

    reader.go(f"/conversations/{found.id}/")

    assert HOSTILE[0] in reader.page.locator("#m2").inner_text()
