"""What goes over the wire is small: pages are compressed as they are sent, files once, when they are collected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedStaticFilesStorage

# Only debuggers read maps.
_UNCOMPRESSED = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")


class CompressPages(GZipMiddleware):
    """Compress pages, which hide their length against BREACH. The API's answers keep their strong ETags."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the answer, compressed if it is a page."""
        if response.headers.get("Content-Type", "").startswith("text/html"):
            return super().process_response(request, response)
        return response


class CompressedFiles(CompressedStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise is untyped
    """Collected files with a gzip twin each. One that has not changed since is not compressed again."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Compress what is new."""
        changed = {path: found for path, found in paths.items() if self._is_stale(path)}
        yield from super().post_process(changed, dry_run=dry_run, **options)

    def create_compressor(self, **options: Any) -> Compressor:
        """Return one without Brotli, which takes half a minute where gzip takes a second."""
        return Compressor(**options | {"use_brotli": False, "extensions": _UNCOMPRESSED})

    def _is_stale(self, path: str) -> bool:
        whole = Path(self.path(path))
        twin = whole.with_name(f"{whole.name}.gz")
        return not twin.exists() or twin.stat().st_mtime < whole.stat().st_mtime
