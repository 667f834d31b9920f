"""Public identifiers in a text become links to the pages of what they name."""

from __future__ import annotations

import re
from html import escape

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

# The letter of an identifier, the page of what it names, and what that is called.
_PAGES = {
    "c": ("cycle", "the cycle"),
    "i": ("improvement", "the improvement"),
    "n": ("insight", "the insight"),
    "x": ("experiment", "the experiment"),
}
_IDENTIFIER = re.compile(r"\b([cinx])_[0-9A-HJKMNP-TV-Z]{12}\b")


def link_identifiers(text: object) -> SafeString:
    """Return a text, escaped, with "the experiment" and the like, linked, in place of the identifiers in it."""
    return mark_safe(_IDENTIFIER.sub(_link, escape(str(text))))  # noqa: S308


def _link(found: re.Match[str]) -> str:
    page, words = _PAGES[found[1]]
    return f'<a href="{reverse(page, args=[found[0]])}" title="{found[0]}">{words}</a>'
