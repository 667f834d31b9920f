"""Runs the real product for tests: `flywheel up` on a data directory and a port of its own, and the other commands."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from flywheel.embedded import free_port
from flywheel.embedded.environment import load_secrets

ROOT = Path(__file__).parents[1]
OUTSIDE = {"DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FLYWHEEL_DATA_DIR"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in OUTSIDE}


def flywheel(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flywheel.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


@dataclass(frozen=True)
class Answered:
    """What one request got, once, whatever it was, and after how long."""

    status: int
    headers: dict[str, str]
    content: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.content)


class Product:
    """A `flywheel up` of its own."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        command = [sys.executable, "-m", "flywheel.cli", "up", "--port", str(self.port), "--data-dir", str(data_dir)]
        environment = ENVIRONMENT | variables
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        if "API" not in self.first_line:
            self.process.kill()
            self.process.communicate()
            raise AssertionError("it did not start; what it said stands in the captured errors")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def key(self, *scopes: str, organization: str = "acme", sandbox: bool = False) -> str:
        arguments = [part for scope in scopes for part in ("--scope", scope)] + ["--sandbox"] * sandbox
        done = flywheel("createkey", "--org", organization, *arguments, "--data-dir", str(self.data_dir))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def call(
        self, method: str, path: str, key: str = "", body: Any = None, *, timeout: float = 30.0, **headers: str
    ) -> Answered:
        """Make one request and return what came of it; what is not text, bytes or pieces of them is sent as JSON."""
        is_raw = isinstance(body, str | bytes | Iterator)
        content = body if is_raw or body is None else json.dumps(body)
        kind = "application/x-ndjson" if is_raw else "application/json"
        sent = {"Content-Type": kind, "Authorization": f"Bearer {key}"} | headers
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        began = time.monotonic()
        try:
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            read = answer.read()
            return Answered(answer.status, dict(answer.getheaders()), read, time.monotonic() - began)
        finally:
            connection.close()

    def variables(self) -> dict[str, str]:
        """Return the environment of the product's processes: another of them started with it is one of its own."""
        said = json.loads((self.data_dir / "running.json").read_text())["variables"]
        secrets = load_secrets(self.data_dir)
        named = {name: secrets[name] for name in ("SECRET_KEY", "FLYWHEEL_DATA_KEY")}
        return ENVIRONMENT | said | named | {"FLYWHEEL_DATA_DIR": str(self.data_dir)}

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the database as the owner, who sees every organization."""
        with psycopg.connect(self.variables()["MIGRATION_DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def kill(self, *words: str) -> None:
        self.signal(signal.SIGKILL, *words)

    def signal(self, number: int, *words: str) -> None:
        for pid in self.pids(*words):
            os.kill(pid, number)

    @contextmanager
    def unattended(self) -> Iterator[None]:
        """Have nobody restart what dies inside the block."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def pids(self, *words: str) -> list[int]:
        marks = {str(self.data_dir), str(self.port)} | {
            f"127.0.0.1:{path.read_text()}" for path in self.data_dir.glob("valkey.port")
        }
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if any(mark in line for mark in marks) and all(word in line for word in words):
                found.append(int(path.parent.name))
        return found

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0
