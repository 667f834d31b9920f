"""Cells of CSV files: what a spreadsheet would run is text, and numbers are numbers."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.platform.cells import neutralised


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", '=HYPERLINK("https://e.x")',
        "-cmd|' /C calc'!A0", "+49 151 1234", "-", "=", "-1e", "--1", "-1.2.3", "-1 000",
    ],
)  # fmt: skip
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert neutralised(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "-0.25", "-1e-9", "-12.5E+3", "42", "3.5"])
def test_numbers_stay_numbers(text: str) -> None:
    assert neutralised(text) == text
    assert float(neutralised(text)) == float(text)


@pytest.mark.parametrize("text", ["", "hello", "a=b", "1+1", "mail@example.com", "'=1", "2026-11-02"])
def test_other_text_is_left_as_it_was_written(text: str) -> None:
    assert neutralised(text) == text


@given(st.text())
def test_no_cell_of_a_file_begins_with_what_runs(text: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([neutralised(text)])
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))

    cell = row[0] if row else ""
    begins = cell.lstrip()[:1]
    assert begins not in {"=", "+", "@"}
    assert begins != "-" or float(cell) <= 0
