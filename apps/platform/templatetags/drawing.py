"""Small drawings in SVG: icons, the wheel, intervals, sparklines, bars. Sizes and positions are attributes, never
styles, so that a strict Content-Security-Policy has nothing to say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

STAGES = ("Capture", "Analyze", "Insights", "Improve", "Deploy", "Measure")

_ICONS = {
    "check": '<path d="M3 8.5l3.2 3.2L13 4.8"/>',
    "x": '<path d="M4 4l8 8M12 4l-8 8"/>',
    "dot": '<circle cx="8" cy="8" r="3.2" fill="currentColor" stroke="none"/>',
    "ring": '<circle cx="8" cy="8" r="5.2"/>',
    "half": '<circle cx="8" cy="8" r="5.2"/><path d="M8 2.8a5.2 5.2 0 0 1 0 10.4z" fill="currentColor" stroke="none"/>',
    "wait": '<circle cx="8" cy="8" r="5.7"/><path d="M8 4.8V8l2.2 1.6"/>',
    "warn": '<path d="M8 2.2l6.2 11.2H1.8z"/><path d="M8 6.6v3.2M8 11.6v.1"/>',
    "info": '<circle cx="8" cy="8" r="5.9"/><path d="M8 7.4v3.6M8 5v.1"/>',
    "back": '<path d="M6.5 3.5L3 7l3.5 3.5"/><path d="M3.4 7H10a3 3 0 0 1 0 6H8"/>',
    "equal": '<path d="M4 6.3h8M4 9.7h8"/>',
    "search": '<circle cx="7" cy="7" r="4.4"/><path d="M10.4 10.4L14 14"/>',
    "chev": '<path d="M5 6.5L8 3.5l3 3M5 9.5l3 3 3-3"/>',
    "menu": '<path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11"/>',
    "plus": '<path d="M8 3.5v9M3.5 8h9"/>',
    "right": '<path d="M3 8h10M9.2 4.2L13 8l-3.8 3.8"/>',
    "theme": '<circle cx="8" cy="8" r="5.6"/><path d="M8 2.4a5.6 5.6 0 0 0 0 11.2z" fill="currentColor"/>',
    "up": '<path d="M8 11V3M4.6 6.2L8 2.8l3.4 3.4M2.8 10.5v2.7h10.4v-2.7"/>',
    "down": '<path d="M8 2.8v8M4.6 7.6L8 11l3.4-3.4M2.8 13.2h10.4"/>',
    "key": '<circle cx="5.2" cy="10.8" r="2.7"/><path d="M7.2 8.8l5.6-5.6M10.6 5.4l1.9 1.9"/>',
    "person": '<circle cx="8" cy="5.4" r="2.6"/><path d="M2.8 13.4c.6-2.6 2.6-3.9 5.2-3.9s4.6 1.3 5.2 3.9"/>',
    "out": '<path d="M6.4 2.8H3v10.4h3.4M6.5 8h7M10.6 5l3 3-3 3"/>',
    "turn": '<path d="M13.2 8A5.2 5.2 0 1 1 11 3.7"/><path d="M11.2 1.2v2.7H8.5"/>',
}


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


@lru_cache(maxsize=256)  # a page has the same few again and again
def icon(name: str, size: int = 16, classes: str = "") -> SafeString:
    """Draw one of our icons, hidden from screen readers: words stand beside it. Raises KeyError for another name."""
    return format_html(
        '<svg class="{}" width="{}" height="{}" viewBox="0 0 16 16" fill="none" stroke="currentColor" '
        'stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{}</svg>',
        classes, size, size, mark_safe(_ICONS[name]),  # noqa: S308  # our own constants
    )  # fmt: skip


def _aria(label: str) -> SafeString:
    return format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')


def interval(
    low: float,
    value: float,
    high: float,
    scale: Sequence[float],
    *,
    zero: float | None = None,
    reference: float | None = None,
    tone: str = "",
    label: str = "",
) -> SafeString:
    """Draw an interval and its estimate on a fixed scale (from, to); tone is good, bad, und or thin."""
    start, end = scale

    def x(at: float) -> str:
        return _short(max(0.0, min(100.0, 100 * (at - start) / (end - start)))) if end > start else "50"

    lines: list[tuple[str, str, str, int, int]] = [("ax", "0", "100", 7, 7)]
    lines += [(name, x(at), x(at), 0, 14) for name, at in (("zero", zero), ("ref", reference)) if at is not None]
    lines.append(("bar", x(low), x(high), 7, 7))
    parts = format_html_join("", '<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>', lines)
    dots = ["pt", "hol"] if tone == "thin" else ["pt"]
    parts += format_html_join("", '<path class="{}" d="M{} 7h.01"/>', [(name, x(value)) for name in dots])
    return format_html(
        '<svg class="fw-interval{}" viewBox="0 0 100 14" preserveAspectRatio="none" {}>{}</svg>',
        f" fw-interval--{tone}" if tone else "", _aria(label), parts,
    )  # fmt: skip


def spark(
    values: Sequence[float],
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    last_is_thin: bool = False,
) -> SafeString:
    """Draw a small line of at least two values, with its band; a thin last point is hollow and reached by dots."""
    count = len(values)
    if count < 2:
        return SafeString("")
    bottom, top = min(low or values), max(high or values)

    def at(index: int, value: float) -> str:
        height = (value - bottom) / (top - bottom) if top > bottom else 0.5
        return f"{_short(1 + 98 * index / (count - 1))} {_short(33 - 32 * height)}"

    parts = []
    if low and high:
        upper = [at(i, value) for i, value in enumerate(high)]
        lower = [at(i, value) for i, value in enumerate(low)]
        parts.append(("bd", "M" + " L".join(upper + lower[::-1]) + "Z"))
    solid = count - 1 if last_is_thin else count
    parts.append(("ln", "M" + " L".join(at(i, value) for i, value in enumerate(values[:solid]))))
    if last_is_thin:
        parts.append(("th", f"M{at(count - 2, values[-2])} L{at(count - 1, values[-1])}"))
    end = f"M{at(count - 1, values[-1])}h.01"
    parts += [("pt", end), ("hol", end)] if last_is_thin else [("pt", end)]
    return format_html(
        '<svg class="fw-spark" viewBox="0 0 100 34" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        format_html_join("", '<path class="{}" d="{}"/>', parts),
    )


def stackbar(blocked: float = 0, succeeded: float = 0, unclear: float = 0) -> SafeString:
    """Draw outcomes as parts of one bar, the bad at the base; nothing when all are nothing."""
    parts, x = [], 0.0
    total = blocked + succeeded + unclear
    for name, value in (("s", succeeded), ("u", unclear), ("b", blocked)):
        if total and value:
            width = 100 * value / total
            parts.append((name, _short(x), _short(max(0.0, width - 0.5))))
            x += width
    return format_html(
        '<svg class="fw-stackbar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        format_html_join("", '<rect class="{}" x="{}" y="0" width="{}" height="10"/>', parts),
    )


def meter(value: float | None, most: float = 10, low: bool = False) -> SafeString:
    """Draw a value as a length of the most it can be."""
    width = 0.0 if value is None or not most else max(0.0, min(100.0, 100 * float(value) / float(most)))
    return format_html(
        '<svg class="fw-meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="t" width="100" height="6"/><rect class="v{}" width="{}" height="6"/></svg>',
        " low" if low else "", _short(width),
    )  # fmt: skip


def _polar(center: float, radius: float, angle: float) -> str:
    turned = math.radians(angle - 90)
    return f"{_short(center + radius * math.cos(turned))} {_short(center + radius * math.sin(turned))}"


def _segment(center: float, outer: float, inner: float, start: float, end: float, tip: float) -> str:
    middle = (outer + inner) / 2
    return (
        f"M{_polar(center, outer, start)}A{_short(outer)} {_short(outer)} 0 0 1 {_polar(center, outer, end)}"
        f"L{_polar(center, middle, end + tip)}L{_polar(center, inner, end)}"
        f"A{_short(inner)} {_short(inner)} 0 0 0 {_polar(center, inner, start)}L{_polar(center, middle, start + tip)}Z"
    )


@lru_cache(maxsize=256)
def wheel(size: int = 20, stage: int | None = None, label: str = "") -> SafeString:
    """Draw the wheel as a mark: all done, or one ``stage`` (0–5) lit."""
    inner, gap, tip = (27, 9, 11) if size < 48 else (34, 5, 8)
    segments = []
    for index in range(6):
        state = "done" if stage is None else "now" if stage == index else ""
        start, end = index * 60 - tip / 2 + gap / 2, index * 60 + 60 - tip / 2 - gap / 2
        segments.append((state, _segment(50, 46, inner, start, end, tip)))
    return format_html(
        '<svg class="fw-wheel" width="{}" height="{}" viewBox="0 0 100 100" {}>{}</svg>',
        size, size, _aria(label), format_html_join("", '<path class="seg {}" d="{}"/>', segments),
    )  # fmt: skip


def turning_wheel(stages: Sequence[Mapping[str, Any]], hub: Sequence[str], label: str) -> SafeString:
    """Draw the wheel of the home page: six stages ({"state", "url"}), each a link where it has a page; in the hub
    up to four lines: a word, the figure, and two that say what it is."""
    center, outer, inner, tip, gap = 215, 188, 156, 6, 3.2
    parts = format_html_join("", '<circle class="ring" cx="215" cy="215" r="{}"/>', [(r,) for r in (134, 121, 108)])
    for index, stage in enumerate(stages):
        state = str(stage.get("state") or "")
        start, end = index * 60 - tip / 2 + gap / 2, index * 60 + 60 - tip / 2 - gap / 2
        x, y = _polar(center, (outer + inner) / 2, index * 60 + 30).split()
        drawn = format_html(
            '<path class="seg {}" d="{}"/><text class="no {}" x="{}" y="{}">{}</text>',
            state, _segment(center, outer, inner, start, end, tip), state or "todo", x, y, index + 1,
        )  # fmt: skip
        name = f"{index + 1} {STAGES[index]}"
        if stage.get("url"):
            parts += format_html('<a href="{}" aria-label="{}">{}</a>', stage["url"], name, drawn)
        else:
            parts += format_html("<g>{}</g>", drawn)
    # Leaders to the six notes at the sides, rows at 1/6, 3/6 and 5/6 of the height.
    rows = ((71.7, 430, 42), (215, 430, 90), (358.3, 430, 138), (358.3, 0, 222), (215, 0, 270), (71.7, 0, 318))
    leaders = [(_polar(center, outer + 5, angle).split()[0], y, x, x, y) for y, x, angle in rows]
    parts += format_html_join(
        "", '<path class="lead" d="M{} {}H{}"/><circle class="lead-dot" cx="{}" cy="{}" r="2.5"/>', leaders
    )
    places = (("hub-1", 185), ("hub-2", 219), ("hub-3", 243), ("hub-1 hub-4", 262))
    parts += format_html_join(
        "", '<text class="hub {}" x="215" y="{}">{}</text>',
        [(name, y, text) for (name, y), text in zip(places, hub, strict=False)],
    )  # fmt: skip
    return format_html(
        '<svg class="fw-wheel fw-turning__svg" viewBox="0 0 430 430" role="group" aria-label="{}">{}</svg>',
        label, parts,
    )  # fmt: skip


def severity_steps(level: int) -> SafeString:
    """Draw a severity (1–4) as steps of which ``level`` are filled."""
    steps: Iterable[tuple[str, int, int, int]] = (
        ("on" if index < level else "", index * 4, 9 - 3 * index, 3 + 3 * index) for index in range(4)
    )
    return format_html(
        '<svg width="15" height="12" viewBox="0 0 15 12" aria-hidden="true">{}</svg>',
        format_html_join("", '<rect class="{}" x="{}" y="{}" width="3" height="{}" rx=".5"/>', steps),
    )
