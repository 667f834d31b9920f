"""Every page in two themes and two widths: quiet in the console, and pictured for whoever looks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.portal.browser import Watched
from tests.portal.world import World

pytestmark = pytest.mark.browser
PICTURES = Path(os.environ.get("FLYWHEEL_SCREENSHOTS", Path(__file__).parents[2] / "var" / "screenshots"))
PAGES = {
    "home": "/",
    "conversations": "/conversations/",
    "conversations-attacks": "/conversations/?min_risk=0.5",
    "security": "/security/",
    "quality": "/quality/",
    "business": "/business/",
    "performance": "/performance/",
    "uploads": "/uploads/",
    "upload": "/uploads/new/",
    "organizations": "/organizations/",
    "applications": "/applications/",
    "application": "/applications/support/",
    "team": "/team/",
    "keys": "/keys/",
    "audit": "/audit/",
    "account-email": "/accounts/email/",
    "account-mfa": "/accounts/2fa/",
    "missing": "/conversations/999999999/",
}


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_quiet_in_both_themes(world: World, open_browser: Callable[..., Watched], width: int) -> None:
    reader = open_browser({"width": width, "height": 900})
    reader.sign_in(world.session("owner"))

    for name, path in PAGES.items():
        reader.go(path)
        for theme in ("light", "dark"):
            reader.choose_theme(theme)
            reader.picture(PICTURES / f"{name}-{width}-{theme}.png")

    assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
