"""The portal as people meet it: gunicorn serves it on this suite's database, Chromium reads it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from flywheel.embedded import free_port
from tests.portal.browser import Watched, chromium
from tests.portal.world import World, make_world

ROOT = Path(__file__).parents[2]
DESK = {"width": 1440, "height": 900}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, started once."""
    # Playwright keeps an event loop in this thread, which Django would take for an async view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The portal's origin, served by gunicorn on the same database as the tests."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "gunicorn", "flywheel.wsgi:application", "-k", "gthread", "--threads", "6",
        "--bind", f"127.0.0.1:{port}", "--no-sendfile", "--graceful-timeout", "1", "--worker-tmp-dir", "/dev/shm",
    ]  # fmt: skip
    log = tmp_path_factory.mktemp("portal") / "gunicorn.log"
    with log.open("wb") as file:
        environment = os.environ | {"SITE_URL": origin}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)
        try:
            _wait(f"{origin}/livez", process, log)
            yield origin
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120  # a machine that runs everything at once is slow, not wrong
    while True:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except (OSError, urllib.error.URLError):
            alive = process.poll() is None and time.monotonic() < deadline
            assert alive, f"the web process did not start:\n{log.read_text()}"
            time.sleep(0.1)


@pytest.fixture
def open_browser(browser: Browser, server: str) -> Iterator[Callable[..., Watched]]:
    """Open browsers of people who know nothing of one another; whatever a page does wrong fails the test."""
    opened: list[Watched] = []

    def open_one(size: dict[str, int] = DESK) -> Watched:
        context = browser.new_context(viewport=size, permissions=["clipboard-read", "clipboard-write"])
        opened.append(Watched(context, server))
        return opened[-1]

    yield open_one
    faults = [fault for each in opened for fault in each.faults]
    for each in opened:
        each.context.close()
    assert faults == []


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[World]:
    """An organization with an analyzed week, people of every role, and hostile text; committed for the module."""
    from django.db import connections

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield make_world()
        with connections["owner"].cursor() as cursor:
            cursor.execute("TRUNCATE organizations_organization, auth_user, platform_workitem CASCADE")
        connections.close_all()
