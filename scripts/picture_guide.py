"""Take the pictures of README and guide: the demo is run (or one that serves already is used), Chromium looks at it.

`make pictures` calls it. With ``--at ORIGIN --login EMAIL --password …`` it uses a demo that is up.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
APPLICATION = "application=northwind-support"
# name: (address, a link on it to follow first or None, themes)
PAGES: dict[str, tuple[str, str | None, tuple[str, ...]]] = {
    "home": ("/", None, ("light", "dark")),
    "security": (f"/security/?{APPLICATION}&days=30", None, ("light",)),
    "conversation": ("/conversations/?outcome=succeeded", "#fw-rows a.fw-id", ("light",)),
    "quality": (f"/quality/?{APPLICATION}&days=30", None, ("light",)),
    "insights": ("/insights/", None, ("light",)),
    "improvement": ("/improvements/", "main a[href^='/improvements/i_']:has-text('Injection')", ("light",)),
    "experiment": ("/experiments/", "main a[href^='/experiments/x_']:has-text('clear-answers')", ("light",)),
    "performance": (f"/performance/?{APPLICATION}&days=30", None, ("light",)),
    "business": (f"/business/?{APPLICATION}&days=30", None, ("light",)),
    "roi": ("/roi/", None, ("light",)),
}
SIZE = {"width": 1280, "height": 860}
QUALITY = 86
MOST_BYTES = 1_500_000


@contextmanager
def demo() -> Iterator[tuple[str, str, str]]:
    """Run the demo of four weeks on a data directory of its own; yield its address, login and password."""
    data = ROOT / "var" / "guide"
    shutil.rmtree(data, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("flywheel")), "demo", "--data-dir", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603
    assert process.stdout is not None
    try:
        told = ""
        for line in process.stdout:
            sys.stdout.write(line)
            told += line
            address, login = re.search(r"Portal  (http://\S+)/", told), re.search(r"Portal .*?(\S+@\S+) / (\S+)", told)
            if address and login:
                yield address.group(1), login.group(1), login.group(2)
                return
        raise SystemExit("the demo ended before it served")
    finally:
        process.terminate()
        process.wait(timeout=60)


def take(page: Page, origin: str, name: str) -> None:
    """Write a page's pictures."""
    path, follow, themes = PAGES[name]
    page.goto(origin + path)
    if follow is not None:
        page.locator(follow).first.click()
    page.wait_for_load_state("networkidle")
    for theme in themes:
        page.evaluate("theme => window.FlywheelTheme.choose(theme)", theme)
        page.wait_for_timeout(400)
        shot = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
        suffix = "-dark" if theme == "dark" else ""
        shot.save(IMAGES / f"{name}{suffix}.webp", quality=QUALITY, method=6)


def picture(origin: str, login: str, password: str) -> None:
    """Sign in and take every picture."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(f"{origin}/accounts/login/")
        page.locator("[name=login]").fill(login)
        page.locator("[name=password]").fill(password)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(lambda url: "login" not in url)
        for name in PAGES:
            take(page, origin, name)
        browser.close()
    total = sum(file.stat().st_size for file in IMAGES.glob("*.webp"))
    if total > MOST_BYTES:
        raise SystemExit(f"{total:,} bytes of pictures are more than {MOST_BYTES:,}")


def main() -> None:
    """Take the pictures of a demo that is up, or of a new one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at")
    parser.add_argument("--login")
    parser.add_argument("--password")
    asked = parser.parse_args()
    if asked.at:
        picture(asked.at, asked.login, asked.password)
        return
    with demo() as (origin, login, password):
        picture(origin, login, password)


if __name__ == "__main__":
    main()
