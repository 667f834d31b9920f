"""A real Chromium, and what a page did in it that a page of ours must never do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, expect, sync_playwright

# A machine that runs everything at once is slow, not wrong.
_PATIENCE_MS = 30_000
expect.set_options(timeout=_PATIENCE_MS)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A page may be drawn before its scripts have run: who presses a button in that instant, as no person can, gets the form
# without its question. Until a page is whole, nothing on it takes a click; Playwright waits for that.
_NO_CLICKS_UNTIL_LOADED = """
const untouchable = new CSSStyleSheet();
untouchable.replaceSync("html { pointer-events: none }");
document.adoptedStyleSheets = [untouchable];
addEventListener("load", () => { document.adoptedStyleSheets = []; });
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium; where it is missing the test is skipped, in CI it fails."""
    path = shutil.which("chromium")
    if path is None:
        words = "Chromium is missing: `apt-get install chromium` runs the browser tests"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(words)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A browser context that remembers every fault: console errors, policy violations, foreign requests, dialogs."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.context = context
        self.origin = origin
        self.faults: list[str] = []
        context.set_default_timeout(_PATIENCE_MS)
        context.add_init_script(_NO_CLICKS_UNTIL_LOADED)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.faults.append(f"uncaught: {error.error}"))
        context.on("request", self._asked)
        context.on("dialog", self._opened)
        self.page: Page = context.new_page()

    def go(self, path: str) -> int:
        """Open a page of the portal; return its status."""
        answer = self.page.goto(self.origin + path)
        assert answer is not None
        return answer.status

    def go_and_wait_for_parts(self, path: str) -> int:
        """Open a page of the portal with all its parts, which are loaded once it stands; return its status."""
        status = self.go(path)
        expect(self.page.locator("[hx-trigger=load]")).to_have_count(0)
        return status

    def sign_in(self, session_key: str) -> None:
        """Carry a session made on the server's side: signing in by its form has its own test."""
        self.context.add_cookies([{"name": "sessionid", "value": session_key, "url": self.origin}])

    def choose_theme(self, theme: str) -> None:
        """Show the page light or dark, as the theme menu does."""
        self.page.evaluate("theme => window.FlywheelTheme.choose(theme)", theme)

    def picture(self, path: Path) -> None:
        """Write a picture of the whole page."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=True, animations="disabled")

    def _said(self, message: ConsoleMessage) -> None:
        # A page that answers 4xx on purpose is reported by Chromium as a failed resource; its test reads the status.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.faults.append(f"{message.type} on {message.page.url if message.page else '?'}: {message.text}")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and not request.url.startswith(self.origin):
            self.faults.append(f"a request to {address.netloc}")

    def _opened(self, dialog: Dialog) -> None:
        self.faults.append(f"a dialog: {dialog.message}")
        dialog.dismiss()
