"""The board of improvements in a browser: walked by keys, gone on with by "More", one column at a time on a phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from apps.improvements.web.board import _A_COLUMN
from tests.factories import AT
from tests.improvements.shop import OUTCOME, Shop
from tests.portal.browser import Watched
from tests.portal.test_pictures import PICTURES, look_for_barriers
from tests.portal.world import HOSTILE, make_member, session_of

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("committed")]
Open = Callable[..., Watched]
FOUND = {
    "evidence": [f"s-{number}" for number in range(12)],
    "insights": [
        {"title": f"Escalation rate 23.1 %, above 20 % {HOSTILE[1]}", "severity": "high", "n": 10_000, "value": 0.23,
         "metric": "escalation_rate", "interval": [0.22, 0.24]}
    ],
}  # fmt: skip


@pytest.fixture
def shop() -> Shop:
    """Improvements of every state, more than a column holds of those that wait."""
    made = Shop()
    for number in range(_A_COLUMN + 2):
        made.propose(f"Ask for context {number}", finding=FOUND, proposed_at=AT - timedelta(days=number))
    made.propose("Usage figures in offers", policy="auto_fix", finding=FOUND)
    made.propose("Specific steps", state="approved", finding=FOUND)
    for state in ("won", "lost", "undecided", "rolled_back"):
        made.propose(
            f"Clear answers, {state}", state=state, finding=FOUND, outcome=OUTCOME, ended_at=AT + timedelta(days=1)
        )
    made.propose("Injection shield", state="deployed", path="security", started_at=AT, finding=FOUND)
    made.propose(HOSTILE[0], state="rejected", finding=FOUND, ended_at=AT)
    return made


def look_at(open_browser: Open, shop: Shop, width: int) -> Watched:
    reader = open_browser({"width": width, "height": 900})
    reader.sign_in(session_of(make_member(shop.organization, "owner")))
    reader.go("/improvements/")
    for theme in ("dark", "light"):
        reader.choose_theme(theme)
        reader.picture(PICTURES / f"improvements-board-{width}-{theme}.png")
        assert look_for_barriers(reader) == []
    return reader


def test_the_board_is_walked_by_keys_and_goes_on_where_it_ended(open_browser: Open, shop: Shop) -> None:
    page = look_at(open_browser, shop, 1440).page
    waiting = page.get_by_role("region", name="Waits for approval")
    focused = page.locator(":focus")

    page.keyboard.press("j")
    expect(focused).to_have_text("Usage figures in offers")
    page.keyboard.press("l")
    expect(focused).to_have_text(f"Ask for context {_A_COLUMN + 1}")
    page.keyboard.press("j")
    expect(focused).to_have_text(f"Ask for context {_A_COLUMN}")
    page.keyboard.press("k")
    page.keyboard.press("h")
    expect(focused).to_have_text("Usage figures in offers")

    waiting.get_by_role("link", name="More").click()
    expect(waiting.get_by_role("listitem")).to_have_count(_A_COLUMN + 2)
    expect(focused).to_have_text("Ask for context 1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ask for context 1")


def test_a_phone_shows_one_column_that_waits_for_somebody_first(open_browser: Open, shop: Shop) -> None:
    reader = look_at(open_browser, shop, 390)
    page = reader.page
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.get_by_role("region", name="Waits for approval")).to_be_visible()
    expect(page.get_by_role("region", name="Decided")).not_to_be_visible()

    page.get_by_role("link", name="Decided").click()

    expect(page.get_by_role("region", name="Decided")).to_be_visible()
    expect(page.get_by_role("region", name="Waits for approval")).not_to_be_visible()
    expect(page.get_by_role("navigation", name="Where they are").get_by_text("Decided")).to_be_in_viewport(ratio=0.9)
    reader.picture(PICTURES / "improvements-board-decided-390-light.png")


def test_without_scripts_more_is_a_list(open_browser: Open, shop: Shop) -> None:
    page = look_at(open_browser, shop, 1440).page
    more = page.get_by_role("region", name="Waits for approval").get_by_role("link", name="More").get_attribute("href")

    page.goto(page.url.split("/improvements")[0] + str(more))

    expect(page.get_by_role("link", name="Ask for context")).to_have_count(2)
