"""Tables of figures as CSV files: numbers as they are, words so that no spreadsheet runs them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from apps.platform.cells import neutralised
from apps.platform.templatetags.blocks import table_of
from apps.platform.tenancy import tenant

Row = TypeVar("Row")


@dataclass(frozen=True)
class Sheet:
    """A table: the names of its columns, and its rows as values."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def stream_rows(
    columns: Sequence[str],
    read_page: Callable[[Row | None], list[Row]],
    cells_of: Callable[[Row], Iterable[Any]],
    *,
    at_once: int,
    organization_id: int,
) -> Iterator[str]:
    """Yield a header and a line for each row, a page at a time. Call outside tenant(...).

    ``read_page`` returns at most ``at_once`` of the rows that follow the one given (None: the first); it and
    ``cells_of`` enter the organization anew for each page, so that no transaction outlives one.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    last: Row | None = None
    while True:
        with tenant(organization_id):
            page = read_page(last)
            writer.writerows([_cell(value) for value in cells_of(row)] for row in page)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        if len(page) < at_once:
            return
        last = page[-1]


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
    # Words may quote what logs call an agent or a version.
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else neutralised(str(value))
