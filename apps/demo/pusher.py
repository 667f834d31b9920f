"""Pushes logs as a production client does: in compressed batches, several at a time, each as often as it needs."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal
from urllib.parse import quote

import msgspec
import zstandard

from apps.demo.client import ApiError, Client

Encoding = Literal["gzip", "zstd"]
MOST_LINES = 10_000
# The API takes 20 MiB inflated and 5 MiB on the wire; text compresses better than four times.
MOST_BYTES = 16 * 1024 * 1024


class Pushed(msgspec.Struct, frozen=True):
    """What came of a push: lines sent, taken and refused, the batches to wait for, and the seconds of each request."""

    pushed: int = 0
    accepted: int = 0
    rejected: int = 0
    batches: tuple[str, ...] = ()
    seconds: tuple[float, ...] = ()

    @property
    def lost(self) -> int:
        """Return how many lines were neither taken nor refused. Anything but 0 is a fault of the product."""
        return self.pushed - self.accepted - self.rejected

    def __add__(self, other: Pushed) -> Pushed:
        return Pushed(
            self.pushed + other.pushed,
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.batches + other.batches,
            self.seconds + other.seconds,
        )


class Stored(msgspec.Struct, frozen=True):
    """What batches became: new conversations and messages, and messages that were known already."""

    conversations: int = 0
    messages: int = 0
    duplicates: int = 0


class BatchFailed(RuntimeError):
    """A batch could not be stored, or not in time; the message says which."""


def push(
    client: Client,
    sessions: Iterable[Sequence[dict[str, Any]]],
    *,
    application: str,
    clients: int = 1,
    lines: int = 5_000,
    encoding: Encoding = "zstd",
) -> Pushed:
    """Push sessions (their records in order) in batches of at most ``lines`` lines, ``clients`` at a time.

    A session is never split over two batches, unless it alone is longer than a batch. Memory holds at most two batches
    a client. A batch's Idempotency-Key is the digest of its content, so repeating a push, here or later, changes
    nothing. A batch of which every line was refused counts as rejected. Raises ApiError and OSError as Client.call.
    """
    if not 1 <= lines <= MOST_LINES:
        raise ValueError(f"a push takes 1 to {MOST_LINES:,} lines")
    room = threading.BoundedSemaphore(2 * clients)
    answers: list[Future[Pushed]] = []
    failed = threading.Event()

    def deliver(batch: list[bytes]) -> Pushed:
        try:
            return Pushed() if failed.is_set() else _deliver(client, batch, application, encoding)
        except BaseException:
            failed.set()
            raise
        finally:
            room.release()

    with ThreadPoolExecutor(clients, thread_name_prefix="push") as pool:
        for batch in split_batches(sessions, lines=lines):
            room.acquire()
            if failed.is_set():
                room.release()
                break
            answers.append(pool.submit(deliver, batch))
    return sum((answer.result() for answer in answers), Pushed())


def wait(
    client: Client,
    batches: Iterable[str],
    *,
    until: Literal["stored", "analyzed"] = "analyzed",
    seconds: float = 600.0,
    poll: float = 0.2,
) -> Stored:
    """Wait until every batch is stored or analyzed; return what they became. Raises BatchFailed."""
    deadline = time.monotonic() + seconds
    total = Stored()
    for batch_id in batches:
        while (batch := client.call("GET", f"/api/v1/batches/{batch_id}"))["status"] not in {until, "analyzed"}:
            if batch["status"] == "failed":
                raise BatchFailed(f"batch {batch_id} could not be stored")
            if time.monotonic() > deadline:
                raise BatchFailed(f"batch {batch_id} is still {batch['status']} after {seconds:.0f} s")
            client.pause(poll)
        total = Stored(
            total.conversations + batch["conversations"],
            total.messages + batch["messages"],
            total.duplicates + batch["duplicates"],
        )
    return total


def post_outcomes(client: Client, outcomes: Sequence[dict[str, Any]], *, application: str, at_once: int = 500) -> int:
    """Post truths that arrived late; return how many were new. Raises as Client.call."""
    new = 0
    for start in range(0, len(outcomes), at_once):
        body = msgspec.json.encode(outcomes[start : start + at_once])
        path = f"/api/v1/outcomes?application={application}"
        new += client.call("POST", path, body, {"Content-Type": "application/json"})["accepted"]
    return new


def wait_until_analyzed(client: Client, *, application: str, seconds: float = 600.0, poll: float = 0.2) -> None:
    """Wait until nothing captured is left to analyze. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while pending := client.call("GET", f"/api/v1/metrics?application={application}")["pending_conversations"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{pending} conversations are not analyzed after {seconds:.0f} s")
        client.pause(poll)


def split_batches(sessions: Iterable[Sequence[dict[str, Any]]], *, lines: int) -> Iterator[list[bytes]]:
    """Yield encoded lines in batches of at most ``lines`` lines and MOST_BYTES, cut between sessions where possible."""
    encode = msgspec.json.Encoder().encode
    batch: list[bytes] = []
    size = 0
    for session in sessions:
        encoded = [encode(record) for record in session]
        weight = sum(map(len, encoded)) + len(encoded)
        if batch and (len(batch) + len(encoded) > lines or size + weight > MOST_BYTES):
            yield batch
            batch, size = [], 0
        while len(encoded) > lines:
            yield encoded[:lines]
            encoded = encoded[lines:]
        batch += encoded
        size += sum(map(len, encoded)) + len(encoded)
    if batch:
        yield batch


def _deliver(client: Client, batch: list[bytes], application: str, encoding: Encoding) -> Pushed:
    body = b"\n".join(batch)
    headers = {
        "Content-Type": "application/x-ndjson",
        "Content-Encoding": encoding,
        "Idempotency-Key": hashlib.sha256(application.encode() + b"\0" + body).hexdigest(),
    }
    packed = gzip.compress(body, 1, mtime=0) if encoding == "gzip" else zstandard.ZstdCompressor(1).compress(body)
    began = time.monotonic()
    try:
        answer = client.call("POST", f"/api/v1/logs?application={quote(application)}", packed, headers)
    except ApiError as error:
        answer = _all_rejected(error)
        if answer is None:
            raise
    batches = (answer["batch_id"],) if answer.get("batch_id") else ()
    seconds = (time.monotonic() - began,)
    return Pushed(len(batch), answer.get("accepted", 0), len(answer["rejected"]), batches, seconds)


def _all_rejected(error: ApiError) -> dict[str, Any] | None:
    if error.status != 422:
        return None
    try:
        problem = json.loads(error.body)
    except ValueError:
        return None
    if not isinstance(problem, dict) or problem.get("code") != "all_lines_rejected":
        return None
    return {"rejected": problem.get("rejected", [])}
