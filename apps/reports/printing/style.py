"""Colours and words of printed pages: those of the portal's light theme."""

from __future__ import annotations

from decimal import Decimal

from fpdf import FPDF

from apps.reports.domain.roi.figures import money
from apps.reports.printing.fonts import FAMILY

Colour = tuple[int, int, int]
INK: Colour = (23, 25, 31)
INK_2: Colour = (67, 72, 84)
INK_3: Colour = (107, 113, 128)
LINE: Colour = (214, 216, 222)
GRID: Colour = (232, 233, 237)
ACCENT: Colour = (46, 69, 201)
BAND: Colour = (226, 230, 248)
BAND_INNER: Colour = (206, 213, 243)
GOOD: Colour = (15, 139, 125)
BAD: Colour = (211, 72, 28)


def amount(value: float | int, currency: str) -> str:
    """Write an amount, whole from a hundred up."""
    exact = Decimal(str(value))
    return money(exact.quantize(Decimal(1)) if abs(exact) >= 100 else exact, currency)


def cut(pdf: FPDF, text: str, width: float, size: float) -> str:
    """Return the text, shortened with an ellipsis to what fits."""
    pdf.set_font(FAMILY, "", size)
    if pdf.get_string_width(text) <= width:
        return text
    while text and pdf.get_string_width(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
