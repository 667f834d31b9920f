"""`flywheel doctor`: what is here, what is wrong, and what would help."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flywheel.embedded import postgres, valkey
from flywheel.embedded.environment import state_path

_ROOT = Path(__file__).parents[2]
_OLDEST_POSTGRES = 170000
_BYPASSES = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


class Check(NamedTuple):
    """One finding: what it is about, whether it is fine, what was seen, and what would help."""

    name: str
    fine: bool
    detail: str
    remedy: str = ""


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("doctor", help="explain what is wrong with this set-up")
    return parser


def run(options: argparse.Namespace) -> int:
    """Print each check; exit 1 when one fails."""
    healthy = True
    for check in examine(options.data_dir):
        print(f"{'✓' if check.fine else '✗'} {check.name:<12} {check.detail}", flush=True)
        if not check.fine:
            print(f"  → {check.remedy}", flush=True)
        healthy = healthy and check.fine
    return 0 if healthy else 1


def examine(data_dir: Path) -> Iterator[Check]:
    """Yield what is found, machine first. Touches nothing but the data directory, which it makes."""
    version = sys.version_info
    yield Check("python", (3, 11) <= version[:2] <= (3, 13), platform.python_version(), "use Python 3.11, 3.12 or 3.13")
    if os.environ.get("DATABASE_URL"):
        yield from _database_server()
    else:
        yield _wheel("database", "DATABASE_URL", postgres.installed())
    yield _broker_server() if os.environ.get("REDIS_URL") else _wheel("broker", "REDIS_URL", valkey.installed())
    data_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(data_dir).free
    yield Check(
        "disk", free > 2**30, f"{free / 2**30:.1f} GiB free", "free at least 1 GiB, or choose another --data-dir"
    )
    writable = os.access(data_dir, os.W_OK)
    remedy = "make the directory writable, or choose another --data-dir"
    yield Check("data", writable, str(data_dir.resolve()), remedy)
    yield _running(data_dir)


def _wheel(name: str, variable: str, path: Path | None) -> Check:
    machine = f"{platform.system()} {platform.machine()}"
    detail = f"from the wheel at {path}" if path else f"no wheel installed ({machine})"
    return Check(name, path is not None, detail, f"set {variable}, or run on Linux x86-64 after `make setup`")


def _database_server() -> Iterator[Check]:
    import psycopg

    url, owner = os.environ["DATABASE_URL"], os.environ.get("MIGRATION_DATABASE_URL", "")
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            number = connection.info.server_version
            row = connection.execute(_BYPASSES).fetchone()
            role = connection.info.user
    except psycopg.Error as error:
        yield Check("database", False, f"{_where(url)}: {_first_line(error)}", "check DATABASE_URL and that it runs")
        return
    found = f"PostgreSQL {number // 10000}.{number % 10000} at {_where(url)}"
    yield Check("database", number >= _OLDEST_POSTGRES, found, "use PostgreSQL 17 or newer")
    bypasses = row is None or bool(row[0])
    said = f"{role} {'is not under' if bypasses else 'is under'} row security"
    yield Check("run role", not bypasses, said, "use a role without SUPERUSER and BYPASSRLS: docker/postgres-roles.sh")
    if not owner or owner == url:
        yield Check("owner role", True, "the same role: row security is forced on it, and text search is slower")
        return
    try:
        psycopg.connect(owner, connect_timeout=5).close()
    except psycopg.Error as error:
        yield Check("owner role", False, _first_line(error), "check MIGRATION_DATABASE_URL")
        return
    yield Check("owner role", True, "a role of its own")
    yield _migrations()


def _migrations() -> Check:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--check", "--database", "owner"],
        cwd=_ROOT, env={**os.environ, "FLYWHEEL_BUILD": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    detail = "none due" if done.returncode == 0 else "some are due"
    return Check("migrations", done.returncode == 0, detail, "run: python manage.py provision (`flywheel up` does)")


def _broker_server() -> Check:
    import redis

    url = os.environ["REDIS_URL"]
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
    try:
        client.ping()
        policy: Any = client.config_get("maxmemory-policy")
    except redis.RedisError as error:
        return Check("broker", False, f"{_where(url)}: {_first_line(error)}", "check REDIS_URL and that it runs")
    finally:
        client.close()
    kept = policy.get("maxmemory-policy", "noeviction") == "noeviction"
    return Check(
        "broker", kept, f"answers at {_where(url)}", "set maxmemory-policy noeviction: queues must not be evicted"
    )


def _running(data_dir: Path) -> Check:
    path = state_path(data_dir)
    web: str | None = json.loads(path.read_text()).get("web_url") if path.exists() else None
    if web is None:
        return Check("running", True, "no (start with: flywheel up)")
    try:
        with urllib.request.urlopen(f"{web}/readyz", timeout=5):  # noqa: S310
            return Check("running", True, f"at {web}")
    except (urllib.error.URLError, OSError) as error:
        remedy = f"see {data_dir / 'logs' / 'web.log'}, then stop it and start again"
        return Check("running", False, f"at {web}, but it is not ready: {_first_line(error)}", remedy)


def _where(url: str) -> str:
    """Return host and port; never the password."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port}" if parts.port else parts.hostname or "localhost"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
