"""One supervisor for everything: starts it in order, restarts what dies, stops it cleanly.

A killed supervisor leaves nothing behind: every child asked the kernel to end with it.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flywheel.embedded.environment import Environment, prepare, say_running
from flywheel.embedded.ports import claim_port
from flywheel.embedded.process import die_with_parent, undisturbed

DEFAULT_PORT = 8000
READY_WITHIN_S = 120  # a machine that does other things starts slowly; a web process that ends is told at once
STOP_WITHIN_S = 12
MAINTAIN_EVERY_S = 6 * 3600
WORKERS = ("worker", "analyst")
_NICE = 10
_LARGEST_LOG = 20 * 1024 * 1024


@dataclass
class Child:
    """A process to keep alive. After quick deaths it is restarted ever more slowly, up to every 10 s."""

    name: str
    command: list[str]
    niceness: int = 0
    inherits: tuple[int, ...] = ()  # file descriptors
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    quick_deaths: int = 0
    restart_at: float = field(default=0.0)

    def start(self, variables: dict[str, str], logs: Path) -> None:
        """Start it; its output goes to its own log, of which one older part is kept."""
        logs.mkdir(parents=True, exist_ok=True)
        path = logs / f"{self.name}.log"
        if path.exists() and path.stat().st_size > _LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=self._begin, pass_fds=self.inherits, cwd=Path(__file__).parents[2],
            )  # fmt: skip
        self.started_at = time.monotonic()

    def _begin(self) -> None:
        die_with_parent()
        os.nice(self.niceness)

    def keep_alive(self, variables: dict[str, str], logs: Path) -> None:
        """Restart it when it has died and its pause is over."""
        if self.process is None or self.process.poll() is None:
            return
        at = time.monotonic()
        if not self.restart_at:
            self.quick_deaths = self.quick_deaths + 1 if at - self.started_at < 10 else 0
            self.restart_at = at + min(10.0, 0.2 * 2**self.quick_deaths)
        if at >= self.restart_at:
            self.restart_at = 0.0
            self.start(variables, logs)

    def ask_to_stop(self) -> None:
        """Send SIGTERM if it is alive."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def make_stop(self, deadline: float) -> None:
        """Wait until the deadline, then kill."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def product_children(
    *, bind: str, port: int, workers: int, data_dir: Path, inherits: tuple[int, ...] = ()
) -> list[Child]:
    """Return web, workers and beat. ``bind`` is gunicorn's: an address, or ``fd://`` of a socket it ``inherits``."""
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "flywheel"]
    return [
        Child("web", [
            python, "-m", "gunicorn", "flywheel.wsgi:application", "-k", "gthread", "--workers", "2", "--threads", "8",
            "--bind", bind, "--no-sendfile", "--graceful-timeout", "5", "--max-requests", "0",
            "--worker-tmp-dir", "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp",  # noqa: S108
            "--name", f"flywheel-{port}",
        ], inherits=inherits),
        *_workers(celery, workers, port),
        Child("beat", [*celery, "beat", "-s", str(data_dir / "celerybeat-schedule"), "-l", "WARNING", "--pidfile="]),
    ]  # fmt: skip


def _workers(celery: list[str], workers: int, port: int) -> list[Child]:
    """Split the processes over two workers: one stores first, one analyzes first, and each helps the other when idle.

    So a flood of pushes does not hold up analysis, nor a long analysis the storing. Where both want a processor, what
    was accepted is stored first: the one that analyzes first is nice to it.
    """
    storing = (workers + 1) // 2
    shares = zip(
        WORKERS, ("capture,default,analysis", "analysis,default,capture"), (storing, workers - storing), strict=True
    )
    return [
        Child(name, [
            *celery, "worker", "-Q", queues, "-c", str(processes), "--prefetch-multiplier", "1",
            "-n", f"{name}-{port}@%h", "--without-gossip", "--without-mingle", "-l", "WARNING",
        ], niceness=0 if name == WORKERS[0] else _NICE)
        for name, queues, processes in shares
        if processes
    ]  # fmt: skip


def provision(variables: dict[str, str], *, files: bool = False) -> None:
    """Migrate, grant privileges and, for a web process, collect its ``files``, in a process of its own.

    Raises RuntimeError with its output.
    """
    done = subprocess.run(
        [sys.executable, "manage.py", "provision", "--verbosity", "0", *["--files"] * files],
        env=variables, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"migrating the database failed:\n{done.stderr[-3000:]}")


def wait_until_ready(url: str, web: Child) -> None:
    """Wait for /readyz. Raises TimeoutError when it does not come in time."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 # nosec B310
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        if web.process is not None and web.process.poll() is not None:
            break
        time.sleep(0.1)
    raise TimeoutError(f"the web process is not ready at {url}; see logs/web.log in the data directory")


def listen(host: str, port: int | None) -> socket.socket:
    """Listen at the port asked for, or the default one; when the default is taken, say so and take a free one.

    Raises RuntimeError when the port asked for is taken.
    """
    try:
        return claim_port(host, DEFAULT_PORT if port is None else port)
    except OSError as fault:
        if fault.errno != errno.EADDRINUSE:
            raise RuntimeError(f"cannot listen at {host}: {fault.strerror}") from fault
        if port is not None:
            raise RuntimeError(f"port {port} is taken; choose another with --port") from fault
        listener = claim_port(host, 0)
        print(f"port {DEFAULT_PORT} is taken; using {listener.getsockname()[1]}", file=sys.stderr)
        return listener


@contextmanager
def running(
    data_dir: Path, *, host: str = "127.0.0.1", port: int | None = None, workers: int = 2
) -> Iterator[Supervisor]:
    """Run the whole product, or attach to the one that already runs on this data directory.

    The port is held from the beginning, and while a web process is replaced: who connects then waits, and is served.
    """
    with prepare(data_dir) as environment:
        if environment.attached and environment.web_url:
            yield Supervisor(environment, [], data_dir, environment.web_url)
            return
        with listen(host, port) as listener:
            provision(environment.variables, files=True)
            descriptor, port = listener.fileno(), int(listener.getsockname()[1])
            url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            environment.variables.setdefault("SITE_URL", url)
            environment.variables.setdefault("FLYWHEEL_POOL", "true")
            children = product_children(
                bind=f"fd://{descriptor}", port=port, workers=workers, data_dir=data_dir, inherits=(descriptor,)
            )
            supervisor = Supervisor(environment, children, data_dir, url)
            try:
                supervisor.start()
                environment.web_url = url
                say_running(data_dir, environment)
                yield supervisor
            finally:
                with undisturbed():
                    supervisor.stop()


@dataclass
class Supervisor:
    """The running product. ``children`` is empty when attached to somebody else's."""

    environment: Environment
    children: list[Child]
    data_dir: Path
    url: str
    maintained_at: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Start every child and wait until the web process answers."""
        for child in self.children:
            variables = dict(self.environment.variables)
            if child.name != "web":
                variables["FLYWHEEL_POOL"] = "false"
            child.start(variables, self.data_dir / "logs")
        wait_until_ready(self.url, self.children[0])

    def keep_alive(self) -> None:
        """Restart what has died, services first; maintain the database every six hours."""
        self.environment.restart_dead()
        if time.monotonic() - self.maintained_at > MAINTAIN_EVERY_S:
            self.maintained_at = time.monotonic()
            # Not waited for: it works in small steps beside everything else, and tomorrow is another day.
            Child("maintain", [sys.executable, "manage.py", "maintain"]).start(
                self.environment.variables, self.data_dir / "logs"
            )
        for child in self.children:
            variables = dict(self.environment.variables)
            if child.name != "web":
                variables["FLYWHEEL_POOL"] = "false"
            child.keep_alive(variables, self.data_dir / "logs")

    def serve(self) -> None:
        """Keep everything alive until SIGINT or SIGTERM."""
        stopping = False

        def stop(_signal: int, _frame: object) -> None:
            nonlocal stopping
            stopping = True

        previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not stopping:
                self.keep_alive()
                time.sleep(0.25)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Stop the children, all at once; kill what has not stopped within 12 s."""
        for child in self.children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_WITHIN_S
        for child in self.children:
            child.make_stop(deadline)
