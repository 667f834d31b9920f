"""An application that calls the running product, once a request, and remembers what it was answered."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import copy_directory, passable_directory, stopped_at_the_end
from tests.product import Answered, Product, wait_for

RATE = 5  # pushes a second that a key may make


@dataclass
class Application:
    """A key of one organization, and one of its applications."""

    product: Product
    key: str
    name: str = "support"

    def get(self, path: str) -> Answered:
        return self.product.call("GET", f"/api/v1/{path}", self.key)

    def post(self, path: str, body: Any, **headers: str) -> Answered:
        return self.product.call("POST", f"/api/v1/{path}", self.key, body, **headers)

    def push(self, *sessions: str, message: str = "hello", at: str = "2026-11-02T10:00:00Z") -> Answered:
        """Push conversations of one message each."""
        lines = [{"session_id": name, "role": "user", "message": message, "timestamp": at} for name in sessions]
        return self.post(f"logs?application={self.name}", "\n".join(map(json.dumps, lines)))

    def is_analyzed(self, pushed: Answered) -> bool:
        return bool(self.get(f"batches/{pushed.json()['batch_id']}").json()["status"] == "analyzed")

    def wait_until_analyzed(self, *pushed: Answered, seconds: float) -> None:
        for each in pushed:
            wait_for(lambda each=each: self.is_analyzed(each), seconds)  # type: ignore[misc]


@dataclass
class Seen:
    """What callers that went on without a pause were answered; an error of the connection counts by its name."""

    answers: list[Answered] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    def statuses(self) -> set[int]:
        return {answer.status for answer in self.answers}

    def seconds(self, share: float) -> float:
        """Return the quantile of the answers' seconds; 1 is the longest."""
        ordered = sorted(answer.seconds for answer in self.answers)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@contextmanager
def calling(call: Callable[[int], Answered], *, threads: int = 1, pause: float = 0.02) -> Iterator[Seen]:
    """Call over and over inside the block, with a number that is new each time."""
    seen, ended, numbers = Seen(), threading.Event(), iter(range(10**9))

    def go_on() -> None:
        while not ended.is_set():
            try:
                seen.answers.append(call(next(numbers)))
            except OSError as error:
                seen.errors[type(error).__name__] += 1
            time.sleep(pause)

    callers = [threading.Thread(target=go_on) for _ in range(threads)]
    for caller in callers:
        caller.start()
    try:
        yield seen
    finally:
        ended.set()
        for caller in callers:
            caller.join()


@pytest.fixture(scope="module")
def shared_product(migrated: Path) -> Iterator[Product]:
    """A running product for all tests of a file, with a rate limit that one flood can reach on any machine."""
    with passable_directory() as directory:
        copy_directory(migrated, directory / "var")
        with stopped_at_the_end(Product(directory / "var", RATE_LIMIT_INGEST=str(RATE))) as running:
            yield running


@pytest.fixture(scope="module")
def application(shared_product: Product) -> Application:
    """An application with a prompt in production and a key for everything but administration."""
    made = Application(shared_product, shared_product.key("ingest", "read", "prompts", organization="shop"))
    prompt = {"name": "support", "prompt": "Be kind.", "labels": ["production"]}
    assert made.post("prompts", prompt).status == 201
    return made
