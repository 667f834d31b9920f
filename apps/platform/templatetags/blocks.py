"""What the larger components show, worked out from the plain values a view hands over: figures, charts, pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from apps.platform.templatetags import drawing, figures, marking


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


@dataclass(frozen=True)
class Column:
    """A column of a chart's table: its heading, its name in a file, and how its values are written on a page."""

    heading: str
    name: str
    write: Callable[[Any], str] = str


Table = tuple[list[Column], list[list[Any]]]


def chart(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what components/chart.html shows of a chart.

    A chart is {"id", "kind" line|outcomes|forest|pareto, "alt": the finding in words, "data": see charts/kinds.js, in
    display units} and any of: "size" s, m (default) or l, "foot" (words), "csv" (URL), "columns" and "rows" of its
    table in words (default: made from the data), "first" (heading of the table's first column), "definition" (words),
    "keys" (the first column's values in a file) and "links" (URLs of the rows behind it), both one for each row;
    "marks": what stands on it as hairlines, [{"at", "words", "url" or "", "bad": bool}].
    """
    columns, rows = value.get("columns"), value.get("rows")
    if columns is None or rows is None:
        made, raw = table_of(value)
        columns = [column.heading for column in made]
        rows = [[column.write(cell) for column, cell in zip(made, row, strict=True)] for row in raw]
    links = value.get("links") or [""] * len(rows)
    return {
        "chart": value,
        "columns": columns,
        "body": _body(zip(rows, links, strict=True)),
        "marks": _marks(value.get("marks", ())),
        "size": value.get("size", "m"),
    }


# By hand: a chart of a quarter has hundreds of rows, and a template takes ten times as long for them.
def _body(rows: Iterable[tuple[Sequence[str], str]]) -> SafeString:
    """Draw the rows of a table, the first cell of each with a link to the rows behind it."""
    drawn = []
    for (first, *others), url in rows:
        name = f'<a href="{escape(url)}">{escape(first)}</a>' if url else escape(first)
        cells = "".join([f'<td class="r">{escape(cell)}</td>' for cell in others])
        drawn.append(f"<tr><td>{name}</td>{cells}</tr>")
    return mark_safe("".join(drawn))  # noqa: S308  # every cell and address went through escape


def _marks(marks: Iterable[Mapping[str, Any]]) -> SafeString:
    """Draw the rows of the list of what changed."""
    drawn = []
    for each in marks:
        tone, words = ' class="fw-bad"' if each["bad"] else "", escape(each["words"])
        if each["url"]:
            words = f'<a href="{escape(each["url"])}"{tone}>{words}</a>'
        drawn.append(f"<tr><td>{marking.moment(each['at'])}</td><td{tone}>{words}</td></tr>")
    return mark_safe("".join(drawn))  # noqa: S308  # words and address went through escape


def table_of(value: Mapping[str, Any]) -> Table:
    """Return the columns and the rows, as values, of a chart's table: its own, else the one of its data."""
    return _TABLES[value["kind"]](value.get("table") or value["data"], str(value.get("first") or "Day"))


def is_empty(value: Mapping[str, Any] | None) -> bool:
    """Say whether a chart has nothing to draw."""
    if not value:
        return True
    data = value["data"]
    return not (data.get("labels") or data.get("items") or data.get("rows"))


def _line_table(data: Mapping[str, Any], first: str) -> Table:
    columns, lists = [_first(first)], [list(data["labels"])]
    for series in data["series"]:
        name, percent = series["name"], series.get("percent", 95)
        heading = name + (f", {data['unit']}" if data.get("unit") else "")
        columns.append(Column(heading, _in_a_file(name), figures.number))
        lists.append(series["values"])
        for bound, words in (("lo", f"{percent} % from"), ("hi", "to")):
            if series.get(bound):
                columns.append(
                    Column(words, f"{_in_a_file(name)}_{'low' if bound == 'lo' else 'high'}", figures.number)
                )
                lists.append(series[bound])
        if series.get("n"):
            columns.append(Column("n", f"{_in_a_file(name)}_n", figures.number))
            lists.append(series["n"])
    return columns, [list(row) for row in zip(*lists, strict=True)]


def _outcomes_table(data: Mapping[str, Any], first: str) -> Table:
    words = ("succeeded", "unclear", "blocked")
    columns = [_first(first), *(Column(word.capitalize(), word, figures.number) for word in words)]
    return columns, [list(row) for row in zip(data["labels"], *(data[word] for word in words), strict=True)]


def _forest_table(data: Mapping[str, Any], first: str) -> Table:
    unit = f", {data['unit']}" if data.get("unit") else ""
    columns = [
        _first("Factor" if first == "Day" else first),
        Column("Difference" + unit, "difference", figures.signed),
        Column("95 % from", "low", figures.signed),
        Column("to", "high", figures.signed),
        Column("n", "n", figures.number),
    ]
    return columns, [[row["label"], row["value"], row["lo"], row["hi"], row.get("n")] for row in data["rows"]]


def _pareto_table(data: Mapping[str, Any], first: str) -> Table:
    items: Sequence[Mapping[str, Any]] = data["items"]
    total = sum(item["value"] for item in items)
    rows, running = [], 0
    for item in items:
        running += item["value"]
        rows.append([item["label"], item["value"], running / total if total else None])
    columns = [
        _first("Pattern" if first == "Day" else first),
        Column("Conversations", "conversations", figures.number),
        Column("Cumulative", "cumulative", figures.percent),
    ]
    return columns, rows


def _first(heading: str) -> Column:
    return Column(heading, _in_a_file(heading))


def _in_a_file(words: str) -> str:
    return words.lower().replace(" ", "_")


_TABLES: dict[str, Callable[[Mapping[str, Any], str], Table]] = {
    "line": _line_table,
    "outcomes": _outcomes_table,
    "forest": _forest_table,
    "pareto": _pareto_table,
}
