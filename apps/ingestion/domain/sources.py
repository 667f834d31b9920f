"""Which files an organization may have read: a pattern below its own folder, and nothing else."""

from __future__ import annotations

import re

LONGEST = 500
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


class BadSource(ValueError):
    """This is no source this product reads; the message says why."""


def check_source(text: str) -> str:
    """Return the pattern of files, relative to the organization's folder. Raises BadSource.

    ``production-logs/*.jsonl``, ``**/*.ndjson.gz``, or a directory, whose logs are all read.
    """
    if found := _SCHEME.match(text):
        raise BadSource(
            f"{found[1]}:// is not read: files below the organization's folder are, and POST /api/v1/logs takes pushes"
        )
    if not text.strip() or len(text) > LONGEST or not text.isprintable():
        raise BadSource(f"a source is a pattern of files, such as production-logs/*.jsonl, of up to {LONGEST} signs")
    if text.startswith(("/", "~")) or "\\" in text:
        raise BadSource("a source is relative to the organization's folder, such as production-logs/*.jsonl")
    parts = text.rstrip("/").split("/")
    if ".." in parts:
        raise BadSource("a source stays below the organization's folder: .. leads out of it")
    if any("**" in part and part != "**" for part in parts):
        raise BadSource("** stands alone between slashes and means any number of folders")
    return "/".join(part for part in parts if part not in ("", "."))
