"""How fast prompts are served with their assignment and messages checked, over HTTP and in the client's process."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flywheel.bench.product import bench_product, make_key

CONNECTIONS = 16
CHECKING = 4
_LOCAL = 20_000
_PLAN = {
    "name": "bench", "prompt": "support", "metric": "escalation_rate", "planned_n": 100_000,
    "variants": [{"key": "control", "version": 1}, {"key": "treatment", "version": 2}],
}  # fmt: skip

# A hundred and twenty would need three guardrails; fifty is the most one holds.
_RULES = [
    {"id": f"rule-{i}", "pattern": rf"\b(?:word{i}|other{i})\b.{{0,40}}\bthing{i}s?\b"} for i in range(50)
]  # fmt: skip
_SAID = "Hello, order {} has not arrived yet and I would like to know where it is. Could you help me with that, please?"


def measure(*, n: int, clients: int) -> dict[str, Any]:
    """Return the figures of ``n`` fetches, each by another unit, over 16 kept connections, and of half as many checks
    of messages over 4; ``clients`` is not used.

    The load generator runs on the same cores, beside the product.
    """
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        with bench_product(Path(directory) / "var") as product:
            key = make_key(product, Path(directory) / "var", "prompts", "experiments", "guardrails", "admin")
            _prepare(product.url, key)
            _exchange_all(product.url, _fetch(key, "warm"), 400, CONNECTIONS)
            began = time.perf_counter()
            spent = sorted(_exchange_all(product.url, _fetch(key, "unit"), n, CONNECTIONS))
            seconds = time.perf_counter() - began
            local = _local(product.url, key)
            _exchange_all(product.url, _check(key), 400, CHECKING)
            began = time.perf_counter()
            checked = sorted(_exchange_all(product.url, _check(key), max(1, n // 2), CHECKING))
            checking = time.perf_counter() - began
    return {
        "fetches": n,
        "connections": CONNECTIONS,
        "prompt_fetches_with_assignment_per_s": n / seconds,
        "median_ms": 1000 * spent[len(spent) // 2],
        "p99_ms": 1000 * spent[int(len(spent) * 0.99)],
        "slowest_ms": 1000 * spent[-1],
        "local_evaluation_microseconds": local,
        "guardrail_checks": len(checked),
        "guardrail_connections": CHECKING,
        "guardrail_checks_per_s": len(checked) / checking,
        "guardrail_check_median_ms": 1000 * checked[len(checked) // 2],
        "guardrail_check_p99_ms": 1000 * checked[int(len(checked) * 0.99)],
    }


def _prepare(url: str, key: str) -> None:
    _post(url, key, "prompts", {"name": "support", "prompt": "Be kind. " * 60, "labels": ["production"]})
    _post(url, key, "prompts/support/versions", {"prompt": "Be brief. " * 60})
    made = _post(url, key, "experiments", _PLAN)
    _post(url, key, f"experiments/{made['id']}/start", {})
    _post(url, key, "applications/support/profile", {}, "PUT")
    _post(url, key, "library/guardrails", {"name": "shield", "rules": _RULES, "sanitise": True, "longest_input": 8_000})
    _post(url, key, "library/guardrails/shield/1/activate", {})


def _post(url: str, key: str, path: str, body: dict[str, Any], method: str = "POST") -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310
        f"{url}/api/v1/{path}", json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        method=method,
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
        return found


@dataclass(frozen=True)
class _Exchange:
    """What is sent for a number, and what the answer must hold."""

    request: Callable[[int, str], str]
    holds: bytes


def _fetch(key: str, name: str) -> _Exchange:
    def request(number: int, host: str) -> str:
        return (
            f"GET /api/v1/prompts/support?unit={name}-{number} HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {key}\r\n\r\n"
        )

    return _Exchange(request, b'"assignment_id"')


def _check(key: str) -> _Exchange:
    def request(number: int, host: str) -> str:
        body = json.dumps({"text": _SAID.format(number), "application": "support", "unit": f"u-{number}"})
        return (
            f"POST /api/v1/guardrails/check HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )

    return _Exchange(request, b'"risk_score"')


def _exchange_all(url: str, exchange: _Exchange, n: int, connections: int) -> list[float]:
    """Return the seconds of each exchange. Raises ValueError for an answer that is not what was asked for."""
    spent: list[float] = []
    failed: list[BaseException] = []

    def run(lane: int) -> None:
        try:
            spent.extend(_lane(url, exchange, range(lane, n, connections)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(lane,)) for lane in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return spent


def _lane(url: str, exchange: _Exchange, numbers: range) -> list[float]:
    """Talk over one connection, by hand: an HTTP library would cost as much as what is measured."""
    address = urlsplit(url)
    spent = []
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        for number in numbers:
            began = time.perf_counter()
            connection.sendall(exchange.request(number, address.netloc).encode())
            head, body = _answer(connection)
            if not head.startswith(b"HTTP/1.1 200") or exchange.holds not in body:
                raise ValueError(head.splitlines()[0].decode(errors="replace"))
            spent.append(time.perf_counter() - began)
    return spent


def _answer(connection: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += _more(connection)
    return head, body


def _more(connection: socket.socket) -> bytes:
    part = connection.recv(65_536)
    if not part:
        raise ConnectionError("the server closed a kept connection")
    return part


def _local(url: str, key: str) -> float:
    """Return the microseconds one assignment takes in the client's own process."""
    from clients.flywheel_client import assign

    request = urllib.request.Request(f"{url}/api/v1/ruleset", headers={"Authorization": f"Bearer {key}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        (rule,) = json.load(answer)["experiments"]
    began = time.perf_counter()
    for number in range(_LOCAL):
        assign(rule, f"unit-{number}")
    return 1e6 * (time.perf_counter() - began) / _LOCAL
