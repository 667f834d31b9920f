"""httpx along the guarded way out: each request goes to an address that was checked for it, and answers are bounded."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import httpx2

from apps.platform import outbound

# An answer of a few thousand tokens is some tens of kilobytes.
_MOST_BYTES = 2 * 1024 * 1024


class GuardedTransport(httpx2.BaseTransport):
    """Resolves, checks, and connects to the checked address under the name that was asked for.

    Raises httpx2.ConnectError, also for what ``outbound`` refuses, and httpx2.ReadError for an answer without end.
    """

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        try:
            target = outbound.check_url(str(request.url))
            address = outbound.addresses_of(target.host, target.port, allowed=target.allowed)[0]
        except (outbound.Refused, outbound.Unreachable) as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        # The Host header was written from the name; certificates are checked against it, too.
        request.url = request.url.copy_with(host=address)
        request.extensions = {**request.extensions, "sni_hostname": target.host}
        answer = self._inner.handle_request(request)
        allowed = float(request.extensions.get("timeout", {}).get("read") or 60.0)
        assert isinstance(answer.stream, httpx2.SyncByteStream)
        return httpx2.Response(
            answer.status_code, headers=answer.headers, extensions=answer.extensions,
            stream=_Bounded(answer.stream, until=time.monotonic() + allowed),
        )  # fmt: skip

    def close(self) -> None:
        """Close every connection."""
        self._inner.close()


class _Bounded(httpx2.SyncByteStream):
    """A body that ends in an error where it is too long, or takes too long altogether."""

    def __init__(self, inner: Iterable[bytes], *, until: float) -> None:
        self._inner, self._until = inner, until

    def __iter__(self) -> Iterator[bytes]:
        length = 0
        for piece in self._inner:
            length += len(piece)
            if length > _MOST_BYTES or time.monotonic() > self._until:
                raise httpx2.ReadError("the answer is too long or takes too long")
            yield piece

    def close(self) -> None:
        if isinstance(self._inner, httpx2.SyncByteStream):
            self._inner.close()
