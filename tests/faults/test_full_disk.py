"""A disk that is full: pushes are told to come back, nothing accepted is lost, and it goes on once there is room."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import copy_directory, passable_directory, stopped_at_the_end
from tests.faults.conftest import Application
from tests.product import Product, wait_for

pytestmark = pytest.mark.services


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, of 400 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount the small file system that this test fills")
    with passable_directory() as directory:
        options = ["-t", "tmpfs", "-o", "size=400m,mode=0711", "flywheel-test", str(directory)]
        mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            pytest.skip(f"this machine lets nobody mount the file system to fill: {mounted.stderr.strip()}")
        try:
            yield directory
        finally:
            subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_a_full_disk_refuses_pushes_keeps_what_it_has_and_recovers(migrated: Path, small_disk: Path) -> None:
    copy_directory(migrated, small_disk / "var")
    with stopped_at_the_end(Product(small_disk / "var")) as product:
        application = Application(product, product.key("ingest", "read", organization="full"))
        chance = random.Random(1)
        accepted = [application.push("before")]
        application.wait_until_analyzed(*accepted, seconds=60)

        statuses = set()
        fill(small_disk)
        full_until = time.monotonic() + 15
        while time.monotonic() < full_until:
            answer = application.push(f"full {chance.random()}", message=chance.randbytes(300_000).hex())
            statuses.add(answer.status)
            if answer.status == 202:
                accepted.append(answer)
            time.sleep(0.2)
            fill(small_disk)
        (small_disk / "filling").unlink()

        assert statuses <= {202, 503, 507}
        assert statuses & {503, 507}
        wait_for(lambda: product.call("GET", "/readyz").json()["status"] == "ok", 90)
        accepted.append(application.push("after"))
        application.wait_until_analyzed(*accepted, seconds=90)
        wait_for(lambda: application.get("metrics").json()["conversations"] == len(accepted), 30)


def fill(disk: Path) -> None:
    """Leave no room, not even what was freed meanwhile."""
    with (disk / "filling").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 64 * 1024)
        except OSError:
            return
