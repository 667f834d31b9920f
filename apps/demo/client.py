"""A small client of the public API: one call at a time, repeated while the product asks for patience."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

_LONGEST_PAUSE = 30.0
# 409: another try under the same Idempotency-Key is under way. The others pass as well.
_PASSING = frozenset({409, 429, 502, 503, 504})


class ApiError(RuntimeError):
    """The API refused a call; the message is its problem's detail, ``status`` and ``body`` what it answered."""

    def __init__(self, words: str, status: int, body: bytes) -> None:
        super().__init__(words)
        self.status = status
        self.body = body


@dataclass(frozen=True)
class Client:
    """Calls one product with one key. Threads may share it.

    ``patience`` is how many seconds of pauses a call may take altogether: more than the minute for which the product
    keeps an Idempotency-Key reserved after a process of it was killed. ``pause`` does the waiting.
    """

    url: str
    key: str
    patience: float = 90.0
    timeout: float = 60.0
    pause: Callable[[float], None] = time.sleep

    def call(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        """Make one call and return its JSON.

        Repeats it, with growing pauses or as Retry-After says, while the answer is 409 with Retry-After, 429, 502,
        503, 504 or there is none: so an unsafe call needs an Idempotency-Key. Raises ApiError, or OSError when no
        server answers in the end.
        """
        request = urllib.request.Request(  # noqa: S310 - the address is the caller's own product
            self.url.rstrip("/") + path,
            data=body,
            method=method,
            headers={"Authorization": f"Bearer {self.key}", **(headers or {})},
        )
        waited = 0.0
        for attempt in count():
            asked = None
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    content = error.read()
                asked = error.headers.get("Retry-After")
                passes = error.code in _PASSING and (error.code != 409 or asked is not None)
                if waited >= self.patience or not passes:
                    words = f"{method} {path}: {error.code} {content.decode(errors='replace')[:500]}"
                    raise ApiError(words, error.code, content) from error
            except (OSError, http.client.HTTPException) as error:
                if waited >= self.patience:
                    raise OSError(f"{method} {path}: no answer from {self.url}: {error}") from error
            seconds = _pause(attempt, asked)
            waited += seconds
            self.pause(seconds)
        raise AssertionError("count() does not end")


def _pause(attempt: int, asked: str | None) -> float:
    growing = 0.25 * 2.0 ** min(attempt, 10)
    try:
        wanted = float(asked) if asked is not None else growing
    except ValueError:  # Retry-After may also be a date, which this product never sends
        wanted = growing
    return min(max(wanted, 0.05), _LONGEST_PAUSE)
