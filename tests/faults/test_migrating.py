"""The next version's migrations run while the version before serves: nobody is refused, nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import psycopg
import pytest

from tests.faults.conftest import Application, calling
from tests.product import ROOT, Product, wait_for

pytestmark = pytest.mark.services
# Longer than a migration waits for a lock, so that it has to give up and come again.
LONGER_S = 3.0
_WAITS = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND relation ="
    " 'ingestion_conversation'::regclass"
)


def hold_a_lock(product: Product, held: threading.Event) -> None:
    """Read the conversations in a transaction, as a backup or a report does, until a change has waited for it."""
    with psycopg.connect(product.variables()["MIGRATION_DATABASE_URL"]) as connection:
        connection.execute("SELECT count(*) FROM ingestion_conversation")
        held.set()
        wait_for(lambda: product.rows(_WAITS)[0][0] > 0, 60)
        time.sleep(LONGER_S)


def test_a_migration_under_load_costs_no_caller_an_error_and_the_old_code_goes_on(
    shared_product: Product, application: Application
) -> None:
    environment = shared_product.variables() | {"DJANGO_SETTINGS_MODULE": "tests.faults.next_version.settings"}
    held = threading.Event()
    reading = threading.Thread(target=hold_a_lock, args=(shared_product, held))

    def push_or_fetch(number: int) -> object:
        return application.push(f"m-{number}") if number % 4 == 0 else application.get("prompts/support?unit=u")

    with calling(push_or_fetch, threads=2, pause=0.15) as seen:  # type: ignore[arg-type]
        wait_for(lambda: len(seen.answers) > 10, 30)
        reading.start()
        held.wait(20)
        done = subprocess.run(
            [sys.executable, "manage.py", "provision"], cwd=ROOT, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        after = len(seen.answers)
        wait_for(lambda: len(seen.answers) > after + 20, 60)
    reading.join()

    assert done.returncode == 0, done.stderr
    assert "migrate.lock_not_had" in done.stdout + done.stderr
    assert shared_product.rows("SELECT DISTINCT next_version FROM ingestion_conversation") == [(7,)]
    assert seen.errors == {}
    assert seen.statuses() <= {200, 202, 429}
    # What waits behind a lock that is waited for waits two seconds, and then goes first.
    assert seen.seconds(1) < 10
    accepted = [answer for answer in seen.answers if answer.status == 202]
    application.wait_until_analyzed(accepted[-1], seconds=60)
    stored = shared_product.rows("SELECT count(*) FROM ingestion_conversation WHERE session_id LIKE 'm-%%'")[0][0]
    assert stored == len(accepted) == sum(answer.json()["accepted"] for answer in accepted)
