"""Text that attackers log is text on every page that shows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from apps.ingestion.models import Conversation
from apps.platform.tenancy import tenant
from tests.portal.browser import Watched
from tests.portal.world import HOSTILE, World

pytestmark = pytest.mark.browser
LISTS = (
    "/?application=hostile",
    "/conversations/?application=hostile",
    "/security/?application=hostile",
    "/security/sample/?application=support",
    "/threat-patterns/",
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

    run = {path: (reader.go(path), reader.page.evaluate("window.pwned ?? null")) for path in pages}

    assert run == dict.fromkeys(pages, (200, None))
    assert len(pages) == len(LISTS) + len(HOSTILE)


def test_hostile_text_reads_as_it_was_written(world: World, open_browser: Callable[..., Watched]) -> None:
    with tenant(world.organization.id):
        found = Conversation.objects.get(session_id__startswith="0 ", application__slug="hostile")
    reader = open_browser()
    reader.sign_in(world.session("viewer"))

    reader.go(f"/conversations/{found.id}/")

    assert HOSTILE[0] in reader.page.locator("#m2").inner_text()
