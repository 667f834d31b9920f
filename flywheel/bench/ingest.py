"""How fast capture is: acknowledged and durable, then stored and readable, beside a bare COPY of the same rows."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from flywheel.bench.conversations import TURNS, bodies, records
from flywheel.bench.processor import spent
from flywheel.bench.product import bench_product, make_key

_LINES = 3_000


def measure(*, n: int, clients: int) -> dict[str, Any]:
    """Return the figures of ``n`` conversations pushed by ``clients`` at the same time."""
    pushes = bodies(n, lines=_LINES)
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        with bench_product(Path(directory) / "var") as product:
            owner = product.environment.variables["MIGRATION_DATABASE_URL"]
            bare = _bare_copy(owner, n)
            key = make_key(product, Path(directory) / "var")
            base = f"{product.url}/api/v1"
            slowest: list[float] = []
            before = spent(product)
            began = time.perf_counter()
            with ThreadPoolExecutor(clients) as pool:
                batches = list(pool.map(lambda body: _push(base, key, body, slowest), pushes))
            acknowledged, accepting = time.perf_counter() - began, spent(product)
            with psycopg.connect(owner, autocommit=True) as connection:
                _wait(connection, ("pending",))
                stored, storing = time.perf_counter() - began, spent(product)
                _wait(connection, ("pending", "stored"))
                analyzed, analyzing = time.perf_counter() - began, spent(product)
                _check(connection, n)
    return {
        "conversations": n,
        "messages": n * TURNS,
        "clients": clients,
        "pushes": len(batches),
        "acknowledged_durable_redacted_per_s": n / acknowledged,
        "stored_and_readable_per_s": n / stored,
        "analyzed_per_s": n / analyzed,
        "slowest_push_s": max(slowest),
        "bare_copy_per_s": n / bare,
        "acknowledged_as_share_of_bare_copy": bare / acknowledged,
        "stored_as_share_of_bare_copy": bare / stored,
        "cpu_microseconds_a_conversation": {
            "until_acknowledged": _each(before, accepting, n),
            "until_stored": _each(before, storing, n),
            "until_analyzed": _each(before, analyzing, n),
        },
    }


def _each(before: dict[str, float], after: dict[str, float], n: int) -> dict[str, int]:
    parts = {name: round(1e6 * (after[name] - before[name]) / n) for name in after}
    return {"all": sum(parts.values()), **parts}


def _push(base: str, key: str, body: bytes, slowest: list[float]) -> str:
    request = urllib.request.Request(  # noqa: S310
        f"{base}/logs?application=bench", body,
        {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"},
    )  # fmt: skip
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        batch: str = msgspec.json.decode(answer.read())["batch_id"]
    with threading.Lock():
        slowest.append(time.perf_counter() - began)
    return batch


def _bare_copy(url: str, n: int) -> float:
    """Return the seconds COPY needs for the same rows into a bare table with the same key."""
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bare (session_id text, turn integer, role text, content text, sent_at timestamptz, "
            "metadata jsonb, PRIMARY KEY (session_id, turn))"
        )
        encode = msgspec.json.Encoder().encode
        rows = [
            (
                r["session_id"],
                i % TURNS,
                r["role"],
                r["message"],
                r["timestamp"],
                encode(r["metadata"]).decode(),
            )
            for i, r in enumerate(records(n))
        ]
        began = time.perf_counter()
        with cursor.copy("COPY bare FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        seconds = time.perf_counter() - began
        with contextlib.suppress(psycopg.Error):
            cursor.execute("DROP TABLE bare")
        return seconds


def _wait(connection: psycopg.Connection[Any], states: tuple[str, ...]) -> None:
    """Wait until no batch is in one of these states: a question about a few rows, which costs the others nothing."""
    while connection.execute("SELECT 1 FROM ingestion_batch WHERE status = ANY(%s) LIMIT 1", [list(states)]).fetchone():
        time.sleep(0.02)


def _check(connection: psycopg.Connection[Any], n: int) -> None:
    """Raise RuntimeError unless every conversation with every message is there, and assessed."""
    found = connection.execute(
        "SELECT count(*), sum(content_version), count(*) FILTER (WHERE assessed_version < content_version), "
        "(SELECT count(*) FROM ingestion_message) FROM ingestion_conversation"
    ).fetchone()
    if found != (n, n * TURNS, 0, n * TURNS):
        raise RuntimeError(f"of {n} conversations with {n * TURNS} messages, there are {found}")
