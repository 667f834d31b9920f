"""Tables of figures as CSV files: numbers as they are, words so that no spreadsheet runs them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.platform.cells import neutralised
from apps.platform.templatetags.blocks import table_of


@dataclass(frozen=True)
class Sheet:
    """A table: the names of its columns, and its rows as values."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def write_sheet(sheet: Sheet) -> Iterator[str]:
    """Yield the lines of a CSV file; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(sheet.columns)
    writer.writerows([_cell(value) for value in row] for row in sheet.rows)
    yield text.getvalue()


def sheet_of_chart(chart: Mapping[str, Any], *, site: str) -> Sheet:
    """Return a chart's table with, for each row, the address of the rows behind it and what its numbers mean.

    ``chart`` is as templatetags.blocks.chart takes it; ``site`` goes before its addresses.
    """
    columns, rows = table_of(chart)
    keys, links = chart.get("keys") or [], chart.get("links") or []
    told = []
    for place, row in enumerate(rows):
        first = keys[place] if keys else row[0]
        told.append([first, *row[1:], _address(site, links[place] if links else ""), chart.get("definition", "")])
    return Sheet([*(column.name for column in columns), "rows", "definition"], told)


def sheet_of_rows(rows: Sequence[Mapping[str, Any]], *names: str, site: str, definition: str) -> Sheet:
    """Return rows of a table of a page as a sheet of the values under these names.

    ``interval`` becomes two columns, low and high; each row's ``url`` or ``rows`` is the address of what is behind it.
    """
    columns: list[str] = []
    for name in names:
        columns += ["low", "high"] if name == "interval" else [name]
    told = []
    for row in rows:
        cells: list[Any] = []
        for name in names:
            cells += list(row["interval"] or (None, None)) if name == "interval" else [row[name]]
        told.append([*cells, _address(site, row.get("url") or row.get("rows") or ""), definition])
    return Sheet([*columns, "rows", "definition"], told)


def _address(site: str, path: str) -> str:
    return f"{site}{path}" if path else ""


def _cell(value: Any) -> str:
    return "" if value is None else neutralised(str(value))
