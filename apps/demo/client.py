"""A small client of the public API: pushes logs in batches, waits until they are analyzed, reads figures."""

from __future__ import annotations

import gzip
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

LINES_A_PUSH = 5_000
_TRIES = 8


class ApiError(RuntimeError):
    """The API refused a call; the message is its problem's detail."""


@dataclass
class Client:
    """Calls one product with one key."""

    url: str
    key: str
    batches: list[str] = field(default_factory=list)
    accepted: int = 0

    def push(self, records: Iterable[list[dict[str, Any]]], application: str) -> None:
        """Push sessions (lists of records), several in a batch; repeats a push that met 429, 503 or no server."""
        for number, lines in enumerate(_batches(records)):
            body = gzip.compress("\n".join(lines).encode(), 1)
            answer = self.call(
                "POST", f"/api/v1/logs?application={application}", body,
                {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip",
                 "Idempotency-Key": f"push-{number}-{len(body)}"},
            )  # fmt: skip
            self.batches.append(answer["batch_id"])
            self.accepted += answer["accepted"]

    def wait(self) -> dict[str, int]:
        """Wait until everything pushed is analyzed; return how many conversations and messages were stored."""
        totals = {"conversations": 0, "messages": 0}
        for batch_id in self.batches:
            while (batch := self.call("GET", f"/api/v1/batches/{batch_id}"))["status"] != "analyzed":
                if batch["status"] == "failed":
                    raise ApiError(f"batch {batch_id} could not be stored")
                time.sleep(0.2)
            totals = {name: totals[name] + batch[name] for name in totals}
        return totals

    def call(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        """Make one call and return its JSON. Raises ApiError."""
        for attempt in range(_TRIES):
            request = urllib.request.Request(  # noqa: S310 - the product's own loopback address
                self.url + path, data=body, method=method,
                headers={"Authorization": f"Bearer {self.key}", **(headers or {})},
            )  # fmt: skip
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code not in {429, 503} or attempt == _TRIES - 1:
                    raise ApiError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error
                time.sleep(float(error.headers.get("Retry-After", "1")))
            except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError):
                if attempt == _TRIES - 1:
                    raise
                time.sleep(0.5 * 2**attempt)
        raise ApiError(f"{method} {path}: no answer")


def _batches(records: Iterable[list[dict[str, Any]]]) -> Iterator[list[str]]:
    lines: list[str] = []
    for session in records:
        if len(lines) + len(session) > LINES_A_PUSH:
            yield lines
            lines = []
        lines += [json.dumps(record) for record in session]
    if lines:
        yield lines
