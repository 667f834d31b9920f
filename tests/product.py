"""Runs the real product for tests: `flywheel up` on a data directory and a port of its own, and the other commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from flywheel.embedded import free_port

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


class Product:
    """A `flywheel up` of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        command = [sys.executable, "-m", "flywheel.cli", "up", "--port", str(self.port), "--data-dir", str(data_dir)]
        self.process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()

    def key(self, *scopes: str) -> str:
        arguments = [part for scope in scopes for part in ("--scope", scope)]
        done = flywheel("createkey", "--org", "acme", *arguments, "--data-dir", str(self.data_dir))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def kill(self, *words: str) -> None:
        for pid in self.pids(*words):
            os.kill(pid, signal.SIGKILL)

    def pids(self, *words: str) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            mine = str(self.data_dir) in line or str(self.port) in line
            if mine and all(word in line for word in words):
                found.append(int(path.parent.name))
        return found

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0
