"""The environment the product runs in: real servers where the variables name them, our own otherwise."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flywheel.embedded.postgres import Postgres
from flywheel.embedded.process import undisturbed
from flywheel.embedded.valkey import Valkey


class AlreadyRunning(RuntimeError):
    """Another process holds this data directory; the message says which."""


@dataclass
class Environment:
    """The variables child processes need, and the services we own ourselves."""

    variables: dict[str, str]
    postgres: Postgres | None = None
    valkey: Valkey | None = None
    attached: bool = False
    web_url: str | None = None
    _lock: list[int] = field(default_factory=list)

    def restart_dead(self) -> None:
        """Start again whichever of our services has died; one that cannot start now is tried again the next time."""
        for service in (self.postgres, self.valkey):
            if service is not None and service.process is not None and service.process.poll() is not None:
                try:
                    service.start()
                except (TimeoutError, RuntimeError, OSError) as error:
                    # A full disk, say. Whoever makes room finds everything else still running.
                    print(f"flywheel: {error}\ntrying again …", file=sys.stderr)


def load_secrets(data_dir: Path) -> dict[str, str]:
    """Return the data directory's secrets, made on first use; readable by us only."""
    path = data_dir / "secrets.json"
    names = ("SECRET_KEY", "FLYWHEEL_DATA_KEY", "flywheel_admin", "flywheel_owner", "flywheel_run", "valkey")
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if missing := [name for name in names if name not in known]:
        known.update({name: secrets.token_urlsafe(32) for name in missing})
        path.touch(0o600)
        path.write_text(json.dumps(known))
    return known


def state_path(data_dir: Path) -> Path:
    """Return the file in which a running product says where it is."""
    return data_dir / "running.json"


@contextmanager
def prepare(data_dir: Path, *, attach: bool = True) -> Iterator[Environment]:
    """Yield an environment with a database and a broker in it; what was started here is stopped at the end.

    When a product already runs on this data directory, attach to its services (or raise AlreadyRunning).
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "static").mkdir(exist_ok=True)
    lock = os.open(data_dir / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield _attach(data_dir, lock, attach)
            return
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        environment = Environment(_variables(data_dir))
        try:
            _start(environment, data_dir)
            yield environment
        finally:
            with undisturbed():
                state_path(data_dir).unlink(missing_ok=True)
                if environment.valkey is not None:
                    environment.valkey.stop()
                if environment.postgres is not None:
                    environment.postgres.stop()
    finally:
        os.close(lock)


def _variables(data_dir: Path) -> dict[str, str]:
    known = load_secrets(data_dir)
    variables = dict(os.environ)
    variables["FLYWHEEL_DATA_DIR"] = str(data_dir)
    variables.setdefault("DJANGO_SETTINGS_MODULE", "flywheel.settings")
    variables.setdefault("SECRET_KEY", known["SECRET_KEY"])
    variables.setdefault("FLYWHEEL_DATA_KEY", known["FLYWHEEL_DATA_KEY"])
    return variables


def _start(environment: Environment, data_dir: Path) -> None:
    known = load_secrets(data_dir)
    variables = environment.variables
    if not variables.get("DATABASE_URL"):
        environment.postgres = Postgres(data_dir, known)
        environment.postgres.start()
        variables["DATABASE_URL"] = environment.postgres.url("flywheel_run")
        variables["MIGRATION_DATABASE_URL"] = environment.postgres.url("flywheel_owner")
    if not variables.get("REDIS_URL"):
        environment.valkey = Valkey(data_dir, known["valkey"])
        environment.valkey.start()
        variables["REDIS_URL"] = environment.valkey.url()
    say_running(data_dir, environment)


def say_running(data_dir: Path, environment: Environment) -> None:
    """Write down where the services are, for other commands on this data directory."""
    keys = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL")
    state: dict[str, Any] = {"pid": os.getpid(), "web_url": environment.web_url}
    state["variables"] = {key: environment.variables[key] for key in keys if key in environment.variables}
    path = state_path(data_dir)
    path.touch(0o600)
    path.write_text(json.dumps(state))


def _attach(data_dir: Path, lock: int, attach: bool) -> Environment:
    holder = os.pread(lock, 20, 0).decode() or "unknown"
    path = state_path(data_dir)
    if not attach or not path.exists():
        raise AlreadyRunning(f"process {holder} already runs Flywheel in {data_dir}")
    state = json.loads(path.read_text())
    variables = {**_variables(data_dir), **state["variables"]}
    return Environment(variables, attached=True, web_url=state["web_url"])
