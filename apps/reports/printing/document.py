"""A report as pages to print: the answer on the first, then what it is made of, line by line, with real tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from apps.reports.domain.content import READY
from apps.reports.domain.periods import named
from apps.reports.models import Report
from apps.reports.printing.charts import Box, fan, tornado, waterfall
from apps.reports.printing.fonts import FAMILY, drawable, load_fonts
from apps.reports.printing.style import ACCENT, INK, INK_2, INK_3, LINE, amount
from apps.reports.printing.telling import (
    left_out,
    not_counted,
    period,
    rows_of_applications,
    rows_of_assumptions,
    rows_of_lines,
    rows_of_teams,
)
from apps.reports.wording import payback_words, swing_words

_MARGIN = 18.0
_WIDTH = 210 - 2 * _MARGIN


def print_report(report: Report, *, organization: str) -> bytes:
    """Return the pages of a report whose content is there. Takes seconds: workers do it."""
    content = report.content or {}
    texts = list(_texts([content, organization]))
    pages = _Pages(report, organization)
    missing = sum(drawable(text)[1] for text in texts)
    with TemporaryDirectory() as folder:
        load_fonts(pages, texts, Path(folder))
        pages.write(content, missing=missing)
        return bytes(pages.output())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


class _Pages(FPDF):
    def __init__(self, report: Report, organization: str) -> None:
        super().__init__(format="A4")
        self._report, self._organization = report, organization
        self.set_margins(_MARGIN, 16, _MARGIN)
        self.set_auto_page_break(True, margin=20)
        # Text begins where tables and charts do.
        self.c_margin = 0
        self.set_title(f"Return on the wheel, {named(report.kind, report.period)}")
        self.set_creator("Flywheel")
        if report.frozen_at is not None:
            self.set_creation_date(report.frozen_at)

    def footer(self) -> None:
        """Number the page, and say which frozen report it is of."""
        self.set_y(-13)
        self.set_font(FAMILY, "", 7)
        self.set_text_color(*INK_3)
        frozen = f"{self._report.frozen_at:%d %b %Y %H:%M} UTC" if self._report.frozen_at else ""
        left = f"Report {self._report.public_id}, version {self._report.version}, frozen {frozen}"
        self.cell(_WIDTH * 0.8, 4, f"{left}, SHA-256 {self._report.sha256[:16]}…")
        self.cell(_WIDTH * 0.2, 4, f"{self.page_no()} of {{nb}}", align="R")

    def write(self, content: dict[str, Any], *, missing: int) -> None:  # type: ignore[override]
        """Write every page."""
        self.add_page()
        about = content["application"] or "all applications"
        whose = f"{self._organization}  ·  {named(self._report.kind, self._report.period)}  ·  {about}"
        self._say(whose, 9, INK_3, gap=1)
        self._say("Return on the wheel", 13, INK, bold=True, gap=4)
        self._say(f"{content['headline'] or 'Nothing can be added up yet'}.", 20, INK, bold=True, gap=4)
        ready = content["state"] == READY
        if ready:
            self._answer(content)
            self._waterfall(content)
        self._list("What we did not count", not_counted(content))
        self._list("What is missing", content["missing"])
        if ready:
            self._lines(content)
        self._left_out(content)
        if ready:
            self._tornado(content)
            self._teams(content)
            self._applications(content)
        self._assumptions(content)
        self._small_print(content, missing)

    def _answer(self, content: dict[str, Any]) -> None:
        self._figures(content)
        self._say(period(content), 9, INK_2, gap=4)
        self._heading(
            "Net value, cumulative",
            f"{content['draws']:,} draws, seed {content['seed']}. Dark band 50 %, light band 80 %.",
        )
        y = self.get_y()
        fan(self, Box(_MARGIN, y, _WIDTH, 50), content["fan"], content["currency"])
        self.set_y(y + 54)

    def _figures(self, content: dict[str, Any]) -> None:
        figures, currency = content["figures"], content["currency"]
        roi = figures["roi"]
        told = [
            ("50 % likely to exceed", amount(figures["net"]["p50"], currency), "P50"),
            ("10 % likely to exceed", amount(figures["net"]["p90"], currency), "P90"),
            ("Return, (B − C) / C", f"{roi['p50']:,.0f} %" if roi else "no cost",
             f"P10 {roi['p10']:,.0f} %, P90 {roi['p90']:,.0f} %" if roi else "so there is no ratio"),
            ("Paid back", payback_words(figures["payback"]["p50"]), f"P90: {payback_words(figures['payback']['p90'])}"),
            ("Chance of a loss", f"{figures['chance_of_loss']:.0%}".replace("%", " %"), ""),
            ("Net present value", amount(figures["npv"]["p50"], currency),
             f"at {content['discount_rate'] * 100:.0f} % a year"),
        ]  # fmt: skip
        width, top = _WIDTH / 3, self.get_y()
        for place, (label, value, note) in enumerate(told):
            x, y = _MARGIN + width * (place % 3), top + 15 * (place // 3)
            for text, size, colour, bold, shift in (
                (label, 7.5, INK_3, False, 0.0), (value, 12, INK, True, 3.8), (note, 7.5, INK_3, False, 9.6)
            ):  # fmt: skip
                self.set_xy(x, y + shift)
                self._font(size, colour, bold=bold)
                self.cell(width - 3, 4, drawable(text)[0])
        self.set_xy(_MARGIN, top + 15 * 2 + 2)

    def _waterfall(self, content: dict[str, Any]) -> None:
        items = content["waterfall"]
        if len(items) < 2:
            return
        height = 5.2 * len(items)
        self._room(height + 14)
        self._heading("What it is made of", f"Over {content['months']} months, means of the draws, so that they add "
                      "up. The letter is the grade of the evidence.")  # fmt: skip
        y = self.get_y()
        waterfall(self, Box(_MARGIN, y, _WIDTH, height), _plain_labels(items), content["currency"])
        self.set_y(y + height + 5)

    def _tornado(self, content: dict[str, Any]) -> None:
        if not content["tornado"]:
            return
        currency, height = content["currency"], 5.6 * len(content["tornado"])
        self._room(height + 18)
        middle = amount(content["figures"]["net"]["p50"], currency)
        self._heading("What drives the spread", "Net value when one input goes from its P10 to its P90, all others at "
                      f"their middle; the line is {middle}.")  # fmt: skip
        y = self.get_y()
        swings = [each | {"inputs": swing_words(each, currency)} for each in content["tornado"]]
        tornado(self, Box(_MARGIN, y, _WIDTH, height), _plain_labels(swings), currency,
                middle=float(content["figures"]["net"]["p50"]))  # fmt: skip
        self.set_y(y + height + 5)

    def _lines(self, content: dict[str, Any]) -> None:
        self._room(40)
        self._heading(
            "Line by line",
            f"Over {content['months']} months: effect × volume × unit value × realisation × attribution × decay, less "
            "the haircut of its evidence.",
        )
        self._table(
            ["Line", "Evidence", "Effect [95 %]", "Volume so far", "P10 to P90", "P50"], rows_of_lines(content),
            (42, 32, 38, 20, 34, 18), right=(3, 4, 5), empty="Nothing is in the ledger yet.", gap=1.5,
        )  # fmt: skip
        self._say(
            "P50s of lines do not add up to the P50 of their sum. Effects that decided a promotion are shrunk in the "
            "draws, for the winner’s curse.", 7.5, INK_3, gap=4,
        )  # fmt: skip

    def _left_out(self, content: dict[str, Any]) -> None:
        self._list("Measured, and in no total", left_out(content))

    def _teams(self, content: dict[str, Any]) -> None:
        self._room(50)
        self._heading("What each team did and learned", "Good, bad and undecided.")
        self._table(["Team", "Did", "Learned"], rows_of_teams(content), (20, 82, 82))

    def _applications(self, content: dict[str, Any]) -> None:
        self._room(30)
        self._heading("Across applications", f"Means over {content['months']} months.")
        self._table(
            ["Application", "Benefit", "Cost", "Net"],
            rows_of_applications(content),
            (60, 30, 30, 30),
            right=(1, 2, 3),
            gap=1.5,
        )
        adopted = content.get("adopted", [])
        for name, where in adopted:
            self._say(f"{name} holds in {', '.join(where)}.", 8.5, INK_2, gap=1)
        if not adopted:
            self._say("No change holds in more than one application yet.", 8.5, INK_3)
        self.ln(4)

    def _assumptions(self, content: dict[str, Any]) -> None:
        self._room(40)
        self._heading("Assumptions", "Each has an owner and a source. Guesses are named so.")
        self._table(
            ["Assumption", "Low, mode, high", "Unit", "Source", "Owner", "Approved by"], rows_of_assumptions(content),
            (40, 40, 26, 18, 34, 30), right=(1,), empty="Nobody has said anything yet.",
        )  # fmt: skip

    def _small_print(self, content: dict[str, Any], missing: int) -> None:
        self._room(16)
        said = [
            "90 % likely means: of the draws made under these assumptions, nine in ten exceed it. It says "
            "nothing of what the assumptions leave out.",
            f"Computed by {content['code']}. Inputs, versions of assumptions and every figure are in this report’s "
            f"JSON, whose SHA-256 is {self._report.sha256}.",
        ]
        if missing:
            said.append(f"{missing:,} characters have no glyph in the fonts of these pages and stand as their code "
                        "points, such as [U+1200D]; the portal, the CSV and the JSON hold them.")  # fmt: skip
        for words in said:
            self._say(words, 7.5, INK_3, gap=1)

    def _list(self, title: str, items: Sequence[str]) -> None:
        if not items:
            return
        self._room(18)
        self._heading(title, "")
        for words in items[:12]:
            self._say(f"•  {words}", 8.5, INK_2, gap=0.6)
        if len(items) > 12:
            self._say(f"and {len(items) - 12} more, in the JSON of this report", 8.5, INK_3)
        self.ln(3)

    def _table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float], *,
        right: Iterable[int] = (), empty: str = "", gap: float = 4,
    ) -> None:  # fmt: skip
        if not rows:
            self._say(empty, 8.5, INK_3, gap=4)
            return
        self._font(7.5, INK_2)
        self.set_draw_color(*LINE)
        self.set_fill_color(255)
        self.set_line_width(0.15)
        aligned = tuple("RIGHT" if place in set(right) else "LEFT" for place in range(len(heads)))
        style = FontFace(emphasis="BOLD", color=INK_3, size_pt=7)
        with self.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES, col_widths=tuple(widths), text_align=aligned,
            headings_style=style, line_height=3.7, padding=(0.9, 2, 0.9, 0), width=_WIDTH, align="LEFT",
        ) as table:  # fmt: skip
            for cells in (heads, *rows):
                row = table.row()
                for text in cells:
                    row.cell("\n".join(drawable(line)[0] for line in text.split("\n")))
        self.ln(gap)

    def _heading(self, title: str, note: str) -> None:
        self._room(16)
        self._say(title, 11, INK, bold=True, gap=0.6)
        if note:
            self._say(note, 7.5, INK_3, gap=2)

    def _say(self, text: str, size: float, colour: tuple[int, int, int], *, bold: bool = False, gap: float = 0) -> None:
        self._font(size, colour, bold=bold)
        self.multi_cell(_WIDTH, size * 0.46, drawable(text)[0], align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        if gap:
            self.ln(gap)

    def _font(self, size: float, colour: tuple[int, int, int] = ACCENT, *, bold: bool = False) -> None:
        self.set_font(FAMILY, "B" if bold else "", size)
        self.set_text_color(*colour)

    def _room(self, height: float) -> None:
        if self.get_y() + height > self.h - 20:
            self.add_page()


def _plain_labels(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each | {"label": drawable(each["label"])[0]} for each in items]
