"""One line on a terminal that says how far a command is; nothing where nobody looks."""

from __future__ import annotations

import sys

_WIDTH = 20


class Progress:
    """Draws over its own line on standard error. Silent when that is no terminal."""

    def __init__(self) -> None:
        self._stream = sys.stderr if sys.stderr.isatty() else None

    def show(self, stage: str, done: int, total: int) -> None:
        """Draw the stage's bar; ``done`` beyond ``total`` is full."""
        if self._stream is not None:
            share = min(1.0, done / total) if total else 1.0
            self._stream.write(f"\r\x1b[K {stage} {bar(share)} {share:>4.0%}")
            self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._stream is not None:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def bar(share: float) -> str:
    """Return a bar of twenty characters for a share between 0 and 1."""
    full = round(share * _WIDTH)
    return "█" * full + "░" * (_WIDTH - full)
