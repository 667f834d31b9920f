"""A report as pages to print: the answer on the first, then what it is made of, line by line, with real tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from apps.reports.domain.content import READY, teams_of
from apps.reports.domain.periods import named
from apps.reports.models import Report
from apps.reports.printing.charts import Box, fan, tornado, waterfall
from apps.reports.printing.fonts import FAMILY, drawable, load_fonts
from apps.reports.printing.style import ACCENT, INK, INK_2, INK_3, LINE, amount
from apps.reports.wording import effect_words, input_words, payback_words, state_words, volume_words

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
        self._first(content)
        if content["state"] == READY:
            self._made_of(content)
            self._teams(content)
        self._assumptions(content)
        self._small_print(content, missing)

    def _first(self, content: dict[str, Any]) -> None:
        self._say(f"{self._organization}  ·  {named(self._report.kind, self._report.period)}", 9, INK_3, gap=1)
        self._say("Return on the wheel", 13, INK, bold=True, gap=5)
        self._say(content["headline"] or "Nothing can be added up yet.", 21, INK, bold=True, gap=4)
        if content["state"] == READY:
            self._figures(content)
            before = content.get("before")
            if before:
                claimed = before["claimed"]
                words = f"{before['words']} against {before['name']}."
                if claimed is not None:
                    currency = content["currency"]
                    words += f" Claimed then for this period: {amount(claimed, currency)}, realised: "
                    words += f"{amount(before['realised'], currency)}."
                self._say(words, 9.5, INK_2, gap=3)
            self._heading(
                "Net value, cumulative",
                f"{content['draws']:,} draws, seed {content['seed']}. Dark band 50 %, light band 80 %.",
            )
            y = self.get_y()
            fan(self, Box(_MARGIN, y, _WIDTH, 62), content["fan"], content["currency"])
            self.set_y(y + 66)
        self._list("What is missing", content["missing"])
        self._list("What we did not count", [*_apart(content), *content["not_counted"]])

    def _figures(self, content: dict[str, Any]) -> None:
        figures, currency = content["figures"], content["currency"]
        roi = figures["roi"]
        told = [
            ("As likely more as less", amount(figures["net"]["p50"], currency), "P50"),
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

    def _made_of(self, content: dict[str, Any]) -> None:
        items = content["waterfall"]
        if len(items) > 1:
            self.add_page()
            self._heading("What it is made of", "Means of the draws, so that they add up. Undecided and negative lines "
                          "are in; the letter is the grade of the evidence.")  # fmt: skip
            height, y = 7.0 * len(items), self.get_y()
            if height <= 200:
                waterfall(self, Box(_MARGIN, y, _WIDTH, height), _plain_labels(items), content["currency"])
                self.set_y(y + height + 6)
        self._lines(content)
        if content["tornado"]:
            height = 7.0 * len(content["tornado"])
            self._room(height + 18)
            self._heading("What drives the spread", "Net value when one input goes from its P10 to its P90, all others "
                          "at their middle.")  # fmt: skip
            y = self.get_y()
            tornado(self, Box(_MARGIN, y, _WIDTH, height), _plain_labels(content["tornado"]), content["currency"])
            self.set_y(y + height + 6)

    def _lines(self, content: dict[str, Any]) -> None:
        currency = content["currency"]
        self._heading(
            "Line by line",
            "Over the whole horizon: effect × volume × unit value × realisation × attribution × decay, less haircuts.",
        )
        rows = []
        for each in (*content["lines"], *content["costs"]):
            sign = 1 if "haircut" in each else -1
            total = each["total"]
            low, high = sorted((sign * total["p10"], sign * total["p90"]))
            rows.append(
                [each["label"], state_words(each), effect_words(each), volume_words(each),
                 f"{amount(low, currency)} to {amount(high, currency)}", amount(sign * total["p50"], currency)]
            )  # fmt: skip
        self._table(
            ["Line", "Evidence", "Effect [95 %]", "Volume so far", f"{currency}, P10 to P90", "P50"], rows,
            (44, 30, 36, 20, 30, 24), right=(3, 4, 5), empty="Nothing is in the ledger yet.",
        )  # fmt: skip
        note = "P50s of lines do not add up to the P50 of their sum. Effects that decided a promotion are shrunk "
        self._say(f"{note}in the draws, for the winner’s curse.", 7.5, INK_3, gap=4)

        self._list(
            "Measured, and in no total",
            [
                f"{each.get('name') or each['key']}, {each.get('what', '').lower()} {effect_words(each)}: {each['why']}"
                for each in content["left_out"]
            ],
        )

    def _teams(self, content: dict[str, Any]) -> None:
        self._room(50)
        self._heading("What each team did and learned", "")
        rows = []
        for each in teams_of(content):
            did = "; ".join(f"{line['name']} ({line['what'].lower()})" for line in each["did"])
            learned = "; ".join(f"{line['name']}: {state_words(line)}" for line in each["learned"])
            rows.append([each["team"].capitalize(), did or "nothing decided", learned or "nothing decided"])
        self._table(["Team", "Did", "Learned"], rows, (26, 79, 79))
        for name, where in content.get("adopted", []):
            self._say(f"{name} holds in {', '.join(where)}.", 8.5, INK_2, gap=1)

    def _assumptions(self, content: dict[str, Any]) -> None:
        self._room(40)
        self._heading("Assumptions", "Each has an owner and a source. Guesses are named so.")
        rows = [
            [each["key"].replace("_", " "), each["application"], input_words(each), each["unit"], each["source"],
             each["owner"], each["approved_by"] or "not approved"]
            for each in content["assumptions"]
        ]  # fmt: skip
        self._table(
            ["Assumption", "Application", "Low, mode, high", "Unit", "Source", "Owner", "Approved by"], rows,
            (30, 34, 30, 26, 18, 22, 28), right=(2,), empty="Nobody has said anything yet.",
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
        right: Iterable[int] = (), empty: str = "",
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
            headings_style=style, line_height=3.7, padding=(0.9, 1, 0.9, 0), width=_WIDTH, align="LEFT",
        ) as table:  # fmt: skip
            for cells in (heads, *rows):
                row = table.row()
                for text in cells:
                    row.cell(drawable(text)[0])
        self.ln(4)

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


def _apart(content: dict[str, Any]) -> list[str]:
    currency = content["currency"]
    return [
        f"{each['label']} (grade D, an estimate): between {amount(each['total']['p10'], currency)} and "
        f"{amount(each['total']['p90'], currency)}, in a band of its own, never in the headline"
        for each in content["apart"]
    ]
