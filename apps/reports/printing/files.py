"""A ready report as a file: its frozen JSON, a table for spreadsheets, or pages."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from apps.platform.cells import neutralised
from apps.reports.models import Report

FORMS = ("json", "csv", "pdf")
_HEADS = (
    "section", "application", "line", "source", "state", "grade", "effect", "low", "high", "volume", "p10", "p50",
    "p90", "mean", "currency", "note",
)  # fmt: skip


def render(report: Report, form: str) -> tuple[bytes, str]:
    """Return the file and its content type. The report must be ready. Raises KeyError for another form."""
    content = report.content or {}
    if form == "json":
        text = json.dumps(content | {"sha256": report.sha256}, ensure_ascii=False, indent=2)
        return text.encode(), "application/json"
    if form == "csv":
        return as_csv(content).encode("utf-8-sig"), "text/csv; charset=utf-8"
    if form == "pdf":
        return bytes(report.pdf or b""), "application/pdf"
    raise KeyError(form)


def as_csv(content: dict[str, Any]) -> str:
    """Return every line, cost, month and assumption as rows of one table; text cannot run, numbers stay numbers."""
    file = io.StringIO()
    writer = csv.writer(file)
    for row in _rows(content):
        writer.writerow([neutralised("" if cell is None else str(cell)) for cell in row])
    return file.getvalue()


def _rows(content: dict[str, Any]) -> Iterator[list[Any]]:
    yield list(_HEADS)
    currency = content["currency"]
    for section in ("lines", "apart", "costs"):
        for each in content[section]:
            total = each["total"]
            yield [
                {"lines": "benefit", "apart": "not counted", "costs": "cost"}[section], each.get("application"),
                each["label"], each.get("source_id"), each.get("state"), each.get("grade"), each.get("effect"),
                each.get("low"), each.get("high"), each.get("volume"), total["p10"], total["p50"], total["p90"],
                total["mean"], currency, "undecided" if each.get("undecided") else "",
            ]  # fmt: skip
    for each in content["left_out"]:
        yield ["left out", each.get("application"), each.get("name"), each.get("source_id"), each.get("state"),
               each.get("grade"), each.get("effect"), each.get("low"), each.get("high"), each.get("volume"), None, None,
               None, None, currency, each["why"]]  # fmt: skip
    for each in content["by_month"]:
        yield ["month", None, each["label"], None, None, None, None, None, None, None, None, None, None,
               round(each["benefit"] - each["cost"], 2), currency, ""]  # fmt: skip
    for each in content["assumptions"]:
        yield ["assumption", each["application"], each["key"], each["source"], each["approved_by"] or "not approved",
               None, None, None, None, None, each["low"], each["mode"], each["high"], None, None,
               f"{each['unit']}, {each['owner']}"]  # fmt: skip
    for words in [*content["missing"], *content["not_counted"]]:
        yield ["not counted", None, words, *[None] * 13]
