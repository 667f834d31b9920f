"""Bodies under limits: a bomb is stopped while it inflates, not afterwards."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Protocol

import zstandard

_STEP = 1024 * 1024


class TooLarge(ValueError):
    """The body is larger than a push may be, on the wire or inflated."""


class BadEncoding(ValueError):
    """The body is not what its Content-Encoding says, or it is cut off."""


class _Inflater(Protocol):
    def feed(self, chunk: bytes) -> Iterable[bytes]: ...
    def is_complete(self) -> bool: ...


class _Gzip:
    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(31)

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        while chunk:
            yield self._inflate.decompress(chunk, _STEP)
            chunk = self._inflate.unconsumed_tail
            if self._inflate.eof:
                chunk = self._inflate.unused_data
                if chunk:
                    self._inflate = zlib.decompressobj(31)

    def is_complete(self) -> bool:
        return self._inflate.eof


class ZstdInflater:
    """Inflates zstd, frame after frame. The window bounds what one frame may make us hold."""

    def __init__(self, max_window: int = 8 * _STEP) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=max_window)
        self._inflate = self._decompressor.decompressobj()
        self._fed = False

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        """Yield what a chunk inflates to, in small bites.

        This decompressor has no output limit of its own: a bite inflates at most some 10,000 times.
        """
        self._fed = True
        for start in range(0, len(chunk), 512):
            bite = chunk[start : start + 512]
            while bite:
                if self._inflate.eof:
                    self._inflate = self._decompressor.decompressobj()
                yield self._inflate.decompress(bite)
                bite = self._inflate.unused_data

    def is_complete(self) -> bool:
        """Whether what was fed ends where a frame ends."""
        return self._fed and bool(self._inflate.eof)


_INFLATERS: dict[str, Callable[[], _Inflater]] = {"gzip": _Gzip, "zstd": ZstdInflater}


def decode(chunks: Iterable[bytes], *, encoding: str, max_wire: int, max_inflated: int) -> bytes:
    """Return the whole body, ``identity``, ``gzip`` or ``zstd``. Raises TooLarge or BadEncoding."""
    inflater: _Inflater | None = _INFLATERS[encoding]() if encoding != "identity" else None
    wire = size = 0
    body: list[bytes] = []
    try:
        for chunk in chunks:
            wire += len(chunk)
            if wire > max_wire:
                raise TooLarge(f"a push has at most {max_wire:,} bytes on the wire; split it")
            for piece in (chunk,) if inflater is None else inflater.feed(chunk):
                size += len(piece)
                if size > max_inflated:
                    raise TooLarge(f"a push has at most {max_inflated:,} bytes once inflated; split it")
                body.append(piece)
    except (zlib.error, zstandard.ZstdError) as error:
        raise BadEncoding(f"the body is not valid {encoding}: {error}") from error
    if inflater is not None and wire and not inflater.is_complete():
        raise BadEncoding(f"the {encoding} body is cut off")
    return b"".join(body)
