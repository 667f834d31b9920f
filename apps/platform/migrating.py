"""Migrating under load: a change of a table waits two seconds for its lock, lets the others pass, and tries again.

A lock that is waited for holds up everybody who comes after it. Migrations are transactions, so one that gave up has
changed nothing, and those before it stay applied.
"""

from __future__ import annotations

import time

import psycopg
import structlog
from django.core.management import call_command
from django.db import OperationalError, connections

LOCK_TIMEOUT = "2s"
_TRIES, _PAUSE_S = 60, 1.0
log = structlog.get_logger(__name__)


def migrate_patiently(*, verbosity: int = 0) -> None:
    """Apply what is due as the owner. Raises the database's error when a lock cannot be had within some minutes."""
    for left in range(_TRIES - 1, -1, -1):
        # Anew each time: a migration that failed may have left its connection's transaction broken.
        connections["owner"].close()
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
        try:
            call_command("migrate", database="owner", interactive=False, verbosity=verbosity)
            return
        except OperationalError as error:
            if not left or not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise
            log.warning("migrate.lock_not_had", tries_left=left)
            time.sleep(_PAUSE_S)
        finally:
            connections["owner"].close()
