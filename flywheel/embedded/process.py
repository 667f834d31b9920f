"""Child processes that never outlive us, and signals that end us cleanly."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Run in the child before exec: the kernel ends it when its parent dies, however that happens.

    SIGTERM for most; PostgreSQL takes it as a slow but clean shutdown.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def interrupt_on_sigterm() -> None:
    """Make SIGTERM unwind this process as Ctrl-C does, from the first moment on: what was started is stopped."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore SIGINT and SIGTERM: a second Ctrl-C must not cut a clean stop short."""
    previous: dict[int, Any] = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
