"""What the larger components show, worked out from the plain values a view hands over: figures, charts, pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.safestring import SafeString

from apps.platform.templatetags import drawing, figures

Table = list[list[str]]


def figure(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what components/figure.html shows of a figure.

    A figure is {"label", "value"} and any of: "kind" number (default), percent (value is a fraction), money or
    duration; "digits"; "unit" ("/ 10"); "currency"; "interval" (low, high) in the value's own measure; "n"; "of"
    (words in n's place, "60 of 66"); "scale" (from, to) to draw the interval on; "reference" drawn on it; "spark"
    {"values", "low", "high", "last_is_thin"}; "note"; "grade" A–D; "definition" and "rows" (URLs); "state" ok,
    loading or failed; "thin" (default: n under 30). A value of None is shown as unknown; a value of words as it is.
    """
    kind, raw, n = value.get("kind", "number"), value.get("value"), value.get("n")
    digits, pair = value.get("digits"), value.get("interval")
    thin = bool(value.get("thin", figures.is_thin(n))) or raw is None
    text, unit = _written(kind, raw, digits, str(value.get("unit") or ""), str(value.get("currency") or "USD"))
    factor = 100 if kind == "percent" else 1
    shown = [float(bound) * factor for bound in pair] if pair and None not in pair else None
    bar = SafeString("")
    if shown and value.get("scale") and isinstance(raw, (int, float)):
        reference = value.get("reference")
        bar = drawing.interval(
            shown[0], raw * factor, shown[1], [float(bound) * factor for bound in value["scale"]],
            reference=None if reference is None else float(reference) * factor, tone="thin" if thin else "",
        )  # fmt: skip
    return {
        "figure": value,
        "text": text,
        "unit": unit,
        "thin": thin,
        "interval": figures.interval(shown, digits if digits is not None else 0 if kind == "percent" else None),
        "n": value.get("of") or (f"n {figures.number(n)}" if n is not None else ""),
        "bar": bar,
        "spark": drawing.spark(**value["spark"]) if value.get("spark") else "",
    }


def _written(kind: str, raw: Any, digits: int | None, unit: str, currency: str) -> tuple[str, str]:
    if raw is None:
        return "unknown", ""
    if isinstance(raw, str):
        return raw, unit
    if kind == "percent":
        return figures.number(float(raw) * 100, digits or 0), unit or "%"
    if kind == "money":
        return figures.money(raw, currency), unit
    if kind == "duration":
        text, _, measure = figures.duration(raw).partition("\N{NO-BREAK SPACE}")
        return text, f"{measure} {unit}".strip()
    return figures.number(raw, digits), unit


def chart(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what components/chart.html shows of a chart.

    A chart is {"id", "kind" line|outcomes|forest|pareto, "alt": the finding in words, "data": see charts/kinds.js, in
    display units} and any of: "size" s, m (default) or l, "foot" (words), "csv" (URL), "columns" and "rows" of its
    table (default: made from the data), "first" (heading of the table's first column).
    """
    columns, rows = value.get("columns"), value.get("rows")
    if columns is None:
        columns, rows = _table(value["kind"], value["data"], str(value.get("first") or "Day"))
    return {"chart": value, "columns": columns, "rows": rows, "size": value.get("size", "m")}


def is_empty(value: Mapping[str, Any] | None) -> bool:
    """Say whether a chart has nothing to draw."""
    if not value:
        return True
    data = value["data"]
    return not (data.get("labels") or data.get("items") or data.get("rows"))


def _table(kind: str, data: Mapping[str, Any], first: str) -> tuple[list[str], Table]:
    return _TABLES[kind](data, first)


def _line_table(data: Mapping[str, Any], first: str) -> tuple[list[str], Table]:
    columns, lists = [first], [[str(label) for label in data["labels"]]]
    for series in data["series"]:
        columns.append(series["name"] + (f", {data['unit']}" if data.get("unit") else ""))
        lists.append([figures.number(value) for value in series["values"]])
        if series.get("lo"):
            columns += ["95 % from", "to"]
            lists += [[figures.number(value) for value in series[bound]] for bound in ("lo", "hi")]
        if series.get("n"):
            columns.append("n")
            lists.append([figures.number(value) for value in series["n"]])
    return columns, [list(row) for row in zip(*lists, strict=True)]


def _outcomes_table(data: Mapping[str, Any], first: str) -> tuple[list[str], Table]:
    lists = [data["labels"], data["succeeded"], data["unclear"], data["blocked"]]
    rows = [[str(label), *(figures.number(value) for value in counts)] for label, *counts in zip(*lists, strict=True)]
    return [first, "Succeeded", "Unclear", "Blocked"], rows


def _forest_table(data: Mapping[str, Any], _first: str) -> tuple[list[str], Table]:
    rows = [
        [row["label"], *(figures.signed(row[key]) for key in ("value", "lo", "hi")), figures.number(row.get("n"))]
        for row in data["rows"]
    ]
    unit = f", {data['unit']}" if data.get("unit") else ""
    return ["Factor", "Difference" + unit, "95 % from", "to", "n"], rows


def _pareto_table(data: Mapping[str, Any], first: str) -> tuple[list[str], Table]:
    items: Sequence[Mapping[str, Any]] = data["items"]
    total = sum(item["value"] for item in items)
    rows, running = [], 0
    for item in items:
        running += item["value"]
        share = figures.percent(running / total) if total else figures.UNKNOWN
        rows.append([str(item["label"]), figures.number(item["value"]), share])
    return ["Pattern" if first == "Day" else first, "Conversations", "Cumulative"], rows


_TABLES: dict[str, Callable[[Mapping[str, Any], str], tuple[list[str], Table]]] = {
    "line": _line_table,
    "outcomes": _outcomes_table,
    "forest": _forest_table,
    "pareto": _pareto_table,
}
