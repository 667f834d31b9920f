"""A rejected line as people may see it: cut short, in characters a database holds, without what is personal."""

from __future__ import annotations

import re

import re2

from apps.ingestion.domain.redaction import Redactor

LONGEST = 200
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\[nrt]|\\/")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A stored user is a keyed hash, so no excerpt may name one either, whatever the policy.
_USER = re2.compile(r'("user(?:_id)?"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,}\]]+)')


def excerpt(line: bytes, redactor: Redactor) -> str:
    """Return the beginning of a line as the organization's policy allows it to be shown.

    JSON's escapes are read first (``joe\\u0040example.com`` is an address), and the line is redacted whole, then cut:
    half an address would no longer be seen as one. Raises RedactionFailed.
    """
    text = _ESCAPED.sub(_unescape, line.decode("utf-8", "replace"))
    return redactor.text(_USER.sub(r'\1"[USER]"', storable(text)))[:LONGEST]


def storable(text: str) -> str:
    """Return the text without what PostgreSQL refuses: NUL and other control characters, half surrogate pairs."""
    paired = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROL.sub(lambda found: "\ufffd" if found.group() == "\0" else " ", paired)


def _unescape(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return "/" if found.group() == "\\/" else " "
