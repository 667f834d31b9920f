"""How fast the portal's pages are in an organization with very many conversations: every page, every partial."""

from __future__ import annotations

import http.client
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import psycopg

from flywheel.bench.pages import addresses
from flywheel.bench.processor import spent
from flywheel.bench.product import bench_product
from flywheel.embedded.supervisor import Supervisor

PAGE_MS = 150.0
SEARCH_MS = 500.0
# Both web processes answer, each with what it keeps in memory: so many before any counts.
_WARM = 6
_DONE = "population-{n}"
_ASSET = re.compile(rb'(?:src|href)="(/static/[^"]+)"')
# What a style sheet names and Latin text needs; other scripts load whole fonts.
_IN_STYLES = re.compile(rb'url\("([^"]+)"\)[^}]*unicode-range')
_ELSEWHERE = re.compile(
    rb'(?:src|srcset|action|poster|hx-get|hx-post)="((?:https?:)?//[^"]+)"|<link[^>]+href="((?:https?:)?//[^"]+)"'
)


def measure(*, n: int, clients: int, keep: Path | None = None, times: int = 20) -> dict[str, Any]:
    """Return the figures of every page, asked for ``times`` times, in an organization with ``n`` conversations.

    ``clients`` is not used.

    ``keep`` holds the organization afterwards, and is used again. Raises RuntimeError where a page does not answer 200.
    """
    with _directory(keep) as directory, bench_product(directory / "var", workers=0) as product:
        with psycopg.connect(product.environment.variables["MIGRATION_DATABASE_URL"], autocommit=True) as owner:
            made = _ensure_population(owner, product, directory / _DONE.format(n=n), n)
            pages, searches = addresses(owner)
            size = owner.execute("SELECT pg_database_size(current_database())").fetchone()
        reader = _Reader(product, times)
        reader.sign_in()
        told = [reader.time(address, PAGE_MS) for address in pages]
        told += [reader.time(address, SEARCH_MS) for address in searches]
        first = reader.first_page()
    slow = [each for each in told if not each["within"]]
    return {
        "conversations": n,
        "made_in_s": made,
        "database_gb": size[0] / 1e9 if size else None,
        "pages": len(told),
        "too_slow": len(slow),
        "first_page_bytes": first["bytes"],
        "first_page_requests": first["requests"],
        "requests_elsewhere": sorted(reader.elsewhere),
        "timings": sorted(told, key=lambda each: -each["p95_ms"] / each["limit_ms"]),
    }


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


def _ensure_population(owner: psycopg.Connection[Any], product: Supervisor, done: Path, n: int) -> float | None:
    """Make the organization unless the directory has it already; return the seconds that took."""
    if done.exists():
        return None
    if owner.execute("SELECT 1 FROM organizations_organization LIMIT 1").fetchone():
        raise RuntimeError(f"{done.parent} holds another organization, or half of one: name an empty directory")
    os.environ.update(product.environment.variables)
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    import django

    django.setup()
    from flywheel.bench.population import populate

    sys.stderr.write(f"making an organization with {n:,} conversations …\n")
    began = time.monotonic()
    populate(owner, n)
    done.touch()
    return time.monotonic() - began


@dataclass
class _Answer:
    status: int
    body: bytes
    wire: int
    seconds: float


class _Reader:
    """A signed-in person's browser, as far as time and bytes go."""

    def __init__(self, product: Supervisor, times: int) -> None:
        self._product, self._address, self._times = product, urlsplit(product.url), times
        self._cookies: dict[str, str] = {}
        self.elsewhere: set[str] = set()

    def sign_in(self) -> None:
        """Sign in by the form. Raises RuntimeError where that fails."""
        from flywheel.bench.world import EMAIL, PASSWORD

        page = self._ask("GET", "/accounts/login/").body.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        form = {"login": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token.group(1) if token else ""}
        answer = self._ask("POST", "/accounts/login/", urlencode(form))
        if answer.status != 302:
            raise RuntimeError(f"signing in answered {answer.status}")

    def time(self, address: str, limit: float) -> dict[str, Any]:
        """Return how long a page takes."""
        first = self._page(address).seconds
        for _ in range(min(_WARM, self._times) - 1):
            self._page(address)
        before = spent(self._product)
        answers = [self._page(address) for _ in range(self._times)]
        after = spent(self._product)
        seconds = sorted(each.seconds for each in answers)
        p95 = 1000 * seconds[math.ceil(0.95 * len(seconds)) - 1]
        return {
            "address": address,
            "p95_ms": p95,
            "median_ms": 1000 * seconds[len(seconds) // 2],
            "first_ms": 1000 * first,
            "web_cpu_ms": 1000 * (after["web"] - before["web"]) / self._times,
            "database_cpu_ms": 1000 * (after["postgresql"] - before["postgresql"]) / self._times,
            "bytes": answers[0].wire,
            "limit_ms": limit,
            "within": p95 <= limit,
        }

    def first_page(self) -> dict[str, int]:
        """Return what the first page and everything it needs put on the wire, nothing of it known before."""
        page = self._page("/")
        wanted = {match.decode() for match in _ASSET.findall(page.body)}
        answers = {asset: self._ask("GET", asset) for asset in sorted(wanted)}
        named = {
            urljoin(asset, match.decode())
            for asset, answer in answers.items()
            for match in _IN_STYLES.findall(answer.body)
        }
        answers |= {asset: self._ask("GET", asset) for asset in sorted(named - wanted)}
        if missing := [asset for asset, answer in answers.items() if answer.status != 200]:
            raise RuntimeError(f"the first page needs {', '.join(missing)}, and there is none")
        return {"bytes": page.wire + sum(answer.wire for answer in answers.values()), "requests": 1 + len(answers)}

    def _page(self, address: str) -> _Answer:
        answer = self._ask("GET", address)
        if answer.status != 200:
            raise RuntimeError(f"{address} answered {answer.status}")
        self.elsewhere |= {(a or b).decode() for a, b in _ELSEWHERE.findall(answer.body)}
        return answer

    def _ask(self, method: str, address: str, body: str | None = None) -> _Answer:
        """Make one request on a connection of its own, so that either web process may answer."""
        headers = {"Accept-Encoding": "gzip", "Cookie": "; ".join(f"{k}={v}" for k, v in self._cookies.items())}
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Referer": self._product.url}
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=120)
        try:
            began = time.perf_counter()
            connection.request(method, address, body, headers)
            response = connection.getresponse()
            content = response.read()
            seconds = time.perf_counter() - began
        finally:
            connection.close()
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        wire = len(content) + len(str(response.headers))
        return _Answer(response.status, _opened(content, response.headers.get("Content-Encoding")), wire, seconds)


def _opened(content: bytes, encoding: str | None) -> bytes:
    import gzip

    return gzip.decompress(content) if encoding == "gzip" else content
