"""Logged text on a page: escaped whole, findings marked in place, and what cannot be seen made visible.

Attackers write this text. Nothing of it is ever trusted as markup, and characters that reorder, hide or join text
are shown as what they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import islice, pairwise
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_CLASSES = {
    "leak": "fw-hit",
    "attack": "fw-hit fw-hit--attack",
    "quality": "fw-hit fw-hit--quality",
    "match": "fw-hit fw-hit--match",
}
# The gravest mark wins where findings overlap.
_RANK = {"match": 0, "quality": 1, "attack": 2, "leak": 3}
# Characters without a shape: controls, zero-width, direction overrides, tags.
_SHAPELESS = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    r"\ufff9-\ufffb\U000e0000-\U000e007f]+"
)
# The marks that redaction leaves, too.
_SPECIAL = re.compile(r"\[(?:EMAIL|PHONE|CARD|IBAN|IP|TOKEN|PASSWORD|PRIVATE_KEY|NATIONAL_ID|REDACTED)\]|" + _SHAPELESS)
_NAMED = 3
_MOST_SPANS = 200  # cutting overlaps is quadratic in spans; nobody reads more marks than this in one message


def highlight(content: str, spans: Iterable[Mapping[str, Any]] = ()) -> SafeString:
    """Return the text as HTML. A span is {"start", "end", "kind", "mark"}: code-point offsets, kind leak, attack,
    quality or match, mark the letter of its margin note (or ""). Offsets outside the text are clipped; overlapping
    spans are cut, the graver on top, and each letter stands once, where its span ends."""
    size = len(content)
    cut = []
    for span in islice(spans, _MOST_SPANS):
        start, end = max(0, int(span["start"])), min(size, int(span["end"]))
        if start < end:
            cut.append((start, end, str(span.get("kind") or "attack"), str(span.get("mark") or "")))
    edges = sorted({0, size, *(edge for start, end, _, _ in cut for edge in (start, end))})
    pieces: list[str] = []
    for left, right in pairwise(edges):
        over = [span for span in cut if span[0] <= left and right <= span[1]]
        text = _plain(content[left:right])
        if not over:
            pieces.append(text)
            continue
        kind = max(over, key=lambda span: _RANK.get(span[2], 0))[2]
        ended = dict.fromkeys(mark for _, end, _, mark in over if end == right and mark)
        letters = "".join(f"<sup>{escape(mark)}</sup>" for mark in ended)
        pieces.append(f'<mark class="{_CLASSES.get(kind, "fw-hit")}">{text}{letters}</mark>')
    return mark_safe("".join(pieces))  # noqa: S308  # every piece of content went through escape


def excerpt(content: str, spans: Iterable[Mapping[str, Any]] = (), width: int = 160) -> SafeString:
    """Return at most ``width`` code points around the first span, on one line, highlighted but without letters."""
    known = sorted((dict(span) for span in spans), key=lambda span: int(span["start"]))
    first = int(known[0]["start"]) if known else 0
    start = max(0, min(first - width // 4, len(content) - width))
    piece = re.sub(r"\s", " ", content[start : start + width])
    moved = [
        {**span, "mark": "", "start": int(span["start"]) - start, "end": int(span["end"]) - start} for span in known
    ]
    before, after = "…" if start else "", "…" if start + width < len(content) else ""
    return mark_safe(before + highlight(piece, moved) + after)  # noqa: S308  # escaped by highlight


def in_sight(text: object) -> SafeString:
    """Return a text of the organization's own, such as a line of a diff, as HTML: escaped, what cannot be seen shown as
    what it is, so that nobody approves a line that reads otherwise than it is served."""
    return mark_safe(re.sub(_SHAPELESS, lambda found: _unseen(found.group()), escape(text)))  # noqa: S308  # escaped


def _plain(text: str) -> str:
    pieces: list[str] = []
    at = 0
    for found in _SPECIAL.finditer(text):
        pieces.append(escape(text[at : found.start()]))
        special = found.group()
        if special.startswith("["):
            word = special[1:-1].lower().replace("_", " ")
            pieces.append(f'<span class="fw-mask" title="Masked before it was stored">{word}</span>')
        else:
            pieces.append(_unseen(special))
        at = found.end()
    pieces.append(escape(text[at:]))
    return "".join(pieces)


def _unseen(characters: str) -> str:
    """Return a visible stand-in; long runs are counted, for a run may be thousands of characters."""
    names = [unicodedata.name(character, f"control {ord(character):#04x}") for character in characters[:_NAMED]]
    more = f" and {len(characters) - _NAMED} more" if len(characters) > _NAMED else ""
    label = f"U+{ord(characters[0]):04X}" + (f" ×{len(characters)}" if len(characters) > 1 else "")
    return f'<span class="fw-unseen" title="{escape("; ".join(names) + more)}">{label}</span>'
