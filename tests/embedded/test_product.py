"""The running product: real database, broker, web, workers; faults are real kills."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.demo.client import Client
from apps.demo.production import simulate_week
from apps.demo.pusher import Stored, push, wait
from flywheel.embedded import free_port
from flywheel.embedded.supervisor import listen
from tests.product import ENVIRONMENT, ROOT, Product, wait_for

pytestmark = pytest.mark.services


def test_nothing_accepted_is_lost_or_doubled_whatever_is_killed(product: Product) -> None:
    client = Client(f"http://127.0.0.1:{product.port}", product.key("ingest", "read"))
    week = list(simulate_week(seed=1, conversations=300, start=datetime(2026, 11, 2, tzinfo=UTC)))
    messages = sum(len(simulated.records) for simulated in week)
    parts = [[simulated.records for simulated in week[i : i + 100]] for i in range(0, 300, 100)]

    batches = push(client, parts[0], application="support").batches
    product.kill("celery", "worker")
    batches += push(client, parts[1], application="support2").batches
    product.kill("gunicorn")
    batches += push(client, parts[2], application="support3").batches
    product.kill("bin/postgres", "-D")
    totals = wait(client, batches)

    assert totals == Stored(conversations=300, messages=messages)
    metrics = client.call("GET", "/api/v1/metrics")
    assert (metrics["conversations"], metrics["messages"]) == (300, messages)


def test_a_stopped_or_killed_product_leaves_no_process_behind(product: Product) -> None:
    assert product.pids("bin/postgres")

    product.process.kill()
    product.process.communicate()

    wait_for(lambda: not product.pids("bin/postgres") and not product.pids("gunicorn"), 20)
    again = Product(product.data_dir)
    again.stop()
    assert product.pids("bin/postgres") == []


def test_two_that_start_in_the_same_instant_never_get_the_same_port() -> None:
    with listen("127.0.0.1", None) as first, listen("127.0.0.1", None) as second:
        ports = {first.getsockname()[1], second.getsockname()[1]}
        with pytest.raises(RuntimeError, match=f"port {min(ports)} is taken"):
            listen("127.0.0.1", min(ports))

    assert len(ports) == 2


@pytest.mark.parametrize("after_s", [0, 1, 3])
def test_a_stop_during_the_start_is_as_clean(data_dir: Path, after_s: float) -> None:
    command = [sys.executable, "-m", "flywheel.cli", "up", "--port", str(free_port()), "--data-dir", str(data_dir)]
    with subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        wait_for((data_dir / "lock").exists, 20)
        time.sleep(after_s)
        process.terminate()
        _, errors = process.communicate(timeout=30)

    assert (process.returncode, errors) == (0, b"")
