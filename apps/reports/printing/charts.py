"""The charts of a printed report, drawn as vectors: the fan, the waterfall, what drives the spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fpdf import FPDF

from apps.reports.printing.fonts import FAMILY
from apps.reports.printing.style import ACCENT, BAD, BAND, BAND_INNER, GOOD, GRID, INK, INK_2, INK_3, amount, cut


@dataclass(frozen=True)
class Box:
    """A place on the page, in millimetres."""

    x: float
    y: float
    w: float
    h: float


def fan(pdf: FPDF, box: Box, points: Sequence[dict[str, Any]], currency: str) -> None:
    """Draw cumulative net value by month: the 80 % and 50 % bands, P10 and P50, and break-even."""
    ends = [(points[-1][name], f"{words} {amount(points[-1][name], currency)}", name) for name, words in
            (("p90", "P90"), ("p50", "P50"), ("p10", "P10, at least"))]  # fmt: skip
    pdf.set_font(FAMILY, "B", 7)
    room = max(pdf.get_string_width(words) for _, words, _ in ends) + 2
    plot = Box(box.x + 16, box.y + 3, box.w - 16 - room, box.h - 10)
    low, high, step = _ticks([0.0, *(point[name] for point in points for name in ("p10", "p90"))])
    last = max(len(points) - 1, 1)

    def at(place: int, value: float) -> tuple[float, float]:
        return plot.x + plot.w * place / last, plot.y + plot.h * (high - value) / (high - low)

    _grid(pdf, plot, low, high, step, currency)
    for lower, upper, colour in (("p10", "p90", BAND), ("p25", "p75", BAND_INNER)):
        edge = [at(place, point[upper]) for place, point in enumerate(points)]
        edge += [at(place, point[lower]) for place, point in reversed(list(enumerate(points)))]
        pdf.set_fill_color(*colour)
        pdf.polygon(edge, style="F")
    _line(pdf, *at(0, 0), *at(last, 0), colour=INK_3, width=0.25)
    for name, width in (("p10", 0.3), ("p50", 0.6)):
        found = [at(place, point[name]) for place, point in enumerate(points)]
        for (x1, y1), (x2, y2) in pairwise(found):
            _line(pdf, x1, y1, x2, y2, colour=ACCENT, width=width)
    _text(pdf, at(last, 0)[0] - 13, at(0, 0)[1] + 3, "break-even", size=6.5, colour=INK_3)
    _ends(pdf, plot, [(at(last, value)[1], words, name != "p90") for value, words, name in ends])
    every = max(1, math.ceil(len(points) / 7))
    for place, point in enumerate(points):
        if place % every == 0:
            label = "start" if point["month"] == 0 else point["label"]
            _text(pdf, at(place, 0)[0], plot.y + plot.h + 4, label, size=6.5, colour=INK_3, align="C")


def waterfall(pdf: FPDF, box: Box, items: Sequence[dict[str, Any]], currency: str) -> None:
    """Draw how lines and costs make the net value, each from where the one before ended; rows, so that names fit."""
    names, figures = 62.0, 24.0
    plot = Box(box.x + names, box.y, box.w - names - figures, box.h)
    steps, running = [], 0.0
    for item in items:
        start = 0.0 if item.get("total") else running
        end = item["value"] if item.get("total") else running + item["value"]
        steps.append((item, start, end))
        running = end
    low, high, _ = _ticks([0.0, *(value for _, start, end in steps for value in (start, end))])
    row = box.h / max(len(steps), 1)

    def x(value: float) -> float:
        return plot.x + plot.w * (value - low) / (high - low)

    _line(pdf, x(0), plot.y, x(0), plot.y + plot.h, colour=INK_3, width=0.2)
    for place, (item, start, end) in enumerate(steps):
        top = plot.y + place * row
        colour = ACCENT if item.get("total") else GOOD if item["value"] >= 0 else BAD
        pdf.set_fill_color(*colour)
        pdf.rect(min(x(start), x(end)), top + row * 0.2, max(abs(x(end) - x(start)), 0.4), row * 0.6, style="F")
        grade = f"{item['grade']}  " if item.get("grade") else ""
        _text(pdf, box.x, top + row * 0.65, cut(pdf, grade + item["label"], names - 3, 7.5), size=7.5, colour=INK_2)
        _text(pdf, box.x + box.w, top + row * 0.65, amount(item["value"], currency), size=7.5, align="R",
              bold=bool(item.get("total")))  # fmt: skip


def tornado(pdf: FPDF, box: Box, swings: Sequence[dict[str, Any]], currency: str, *, middle: float) -> None:
    """Draw how far the net value moves when one input goes from its P10 to its P90 (``inputs``), from the middle."""
    names, inputs, figures = 62.0, 36.0, 20.0
    plot = Box(box.x + names, box.y, box.w - names - inputs - figures, box.h)
    values = [middle, *(float(each[name]) for each in swings for name in ("net_at_low", "net_at_high"))]
    low, high = min(values), max(values)
    row = box.h / len(swings)
    spread = (high - low) or 1.0
    for place, each in enumerate(swings):
        top = plot.y + place * row
        ends = sorted((float(each["net_at_low"]), float(each["net_at_high"])))
        left, right = (plot.x + plot.w * (value - low) / spread for value in ends)
        pdf.set_fill_color(*ACCENT)
        pdf.rect(left, top + row * 0.25, max(right - left, 0.4), row * 0.5, style="F")
        _text(pdf, box.x, top + row * 0.65, cut(pdf, each["label"], names - 3, 7.5), size=7.5, colour=INK_2)
        _text(pdf, box.x + box.w - figures, top + row * 0.65, each["inputs"], size=7, colour=INK_3, align="R")
        _text(pdf, box.x + box.w, top + row * 0.65, amount(ends[1] - ends[0], currency), size=7.5, align="R")
    at = plot.x + plot.w * (middle - low) / spread
    _line(pdf, at, plot.y, at, plot.y + plot.h, colour=INK_3, width=0.2)


def _grid(pdf: FPDF, plot: Box, low: float, high: float, step: float, currency: str) -> None:
    value = math.ceil(low / step) * step
    while value <= high + step / 2:
        y = plot.y + plot.h * (high - value) / (high - low)
        _line(pdf, plot.x, y, plot.x + plot.w, y, colour=GRID, width=0.15)
        _text(pdf, plot.x - 2, y + 0.9, amount(value, currency), size=6.5, colour=INK_3, align="R")
        value += step


def _ends(pdf: FPDF, plot: Box, ends: list[tuple[float, str, bool]]) -> None:
    floor = -math.inf
    for y, words, bold in sorted(ends):
        y = max(y, floor + 3.4)
        floor = y
        _text(pdf, plot.x + plot.w + 1.5, y + 0.9, words, size=7, colour=ACCENT, bold=bold)


def _ticks(values: Sequence[float]) -> tuple[float, float, float]:
    """Return round bounds around the values, and the step between their lines."""
    low, high = min(values), max(values)
    span = (high - low) or max(abs(high), 1.0)
    power = 10 ** math.floor(math.log10(span / 4))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= span / 5)
    # Bounds at half steps: a loss of little does not cost a quarter of the chart.
    low, high = (way(value / step * 2) * step / 2 for way, value in ((math.floor, low), (math.ceil, high)))
    return (low, high if high > low else low + step, step)


def _line(pdf: FPDF, x1: float, y1: float, x2: float, y2: float, *, colour: tuple[int, int, int], width: float) -> None:
    pdf.set_draw_color(*colour)
    pdf.set_line_width(width)
    pdf.line(x1, y1, x2, y2)


def _text(
    pdf: FPDF, x: float, y: float, text: str, *, size: float, colour: tuple[int, int, int] = INK, align: str = "L",
    bold: bool = False,
) -> None:  # fmt: skip
    pdf.set_font(FAMILY, "B" if bold else "", size)
    pdf.set_text_color(*colour)
    width = pdf.get_string_width(text)
    shift = {"L": 0.0, "C": width / 2, "R": width}[align]
    # A cell, not text(), which knows no other script's font. Its baseline lies at .8 of a cell as high as its letters.
    height = size / pdf.k
    pdf.set_xy(x - shift, y - 0.8 * height)
    pdf.cell(width, height, text)
