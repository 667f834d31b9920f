"""Figures as files: the numbers themselves, what they mean, and where the rows behind them are."""

from __future__ import annotations

import csv
import io

from apps.platform.sheets import Sheet, sheet_of_chart, sheet_of_rows, write_sheet


def test_a_chart_as_a_file_has_numbers_intervals_n_the_rows_and_the_definition() -> None:
    chart = {
        "id": "score", "kind": "line", "alt": "x", "keys": ["2026-11-02", "2026-11-03"], "links": ["/rows/?a=1", ""],
        "definition": "Mean score",
        "data": {"labels": ["2 Nov", "3 Nov"], "unit": "", "series": [
            {"name": "score", "values": [6.25, None], "lo": [6.1, None], "hi": [6.4, None], "n": [1200, 0]}]},
    }  # fmt: skip

    sheet = sheet_of_chart(chart, site="https://f.test")

    assert list(sheet.columns) == ["day", "score", "score_low", "score_high", "score_n", "rows", "definition"]
    assert list(sheet.rows) == [
        ["2026-11-02", 6.25, 6.1, 6.4, 1200, "https://f.test/rows/?a=1", "Mean score"],
        ["2026-11-03", None, None, None, 0, "", "Mean score"],
    ]


def test_a_table_of_a_page_has_its_interval_in_two_columns() -> None:
    rows = [
        {"label": "a", "rate": 0.5, "interval": (0.4, 0.6), "url": "/x/", "thin": False},
        {"label": "b", "rate": None, "interval": None, "rows": None},
    ]

    sheet = sheet_of_rows(rows, "label", "rate", "interval", site="https://f.test", definition="d")

    assert list(sheet.columns) == ["label", "rate", "low", "high", "rows", "definition"]
    assert list(sheet.rows) == [["a", 0.5, 0.4, 0.6, "https://f.test/x/", "d"], ["b", None, None, None, "", "d"]]


def test_no_spreadsheet_runs_what_an_attacker_wrote() -> None:
    text = "".join(write_sheet(Sheet(("agent", "rate"), [("=cmd()|x", -0.5), ("a,b", None)])))

    assert list(csv.reader(io.StringIO(text))) == [["agent", "rate"], ["'=cmd()|x", "-0.5"], ["a,b", ""]]
