"""Charts from grouped metrics, in display units. What had no data that day is a gap, not a zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from apps.evaluations.web.words import say

Chart = dict[str, Any]
_THIN = 30
_BY_DAY = {"blocked", "succeeded", "unclear", "values", "lo", "hi", "n"}


def attacks(days: list[dict[str, Any]]) -> Chart | None:
    """Attacks a day, stacked by outcome."""
    if not any(day["security"]["attacks_detected"] for day in days):
        return None
    data = {
        "labels": _labels(days),
        **{word: [day["security"][f"attacks_{word}"] for day in days] for word in ("blocked", "succeeded", "unclear")},
    }
    total = sum(day["security"]["attacks_detected"] for day in days)
    return _every_day(
        {
            "id": "attacks",
            "kind": "outcomes",
            "data": data,
            "keys": _keys(days),
            "definition": "Attacks (an attacking message with the reply to it) in conversations that began on the day "
            "(UTC), by what became of them",
            "alt": f"{total} attacks over {len(days)} days by outcome",
        }
    )


def block_rate(days: list[dict[str, Any]]) -> Chart | None:
    """Block rate a day with Wilson's band."""
    told = [day["security"] for day in days]
    if not any(each["block_rate"] is not None for each in told):
        return None
    series = _series(
        "block rate",
        [each["block_rate"] for each in told],
        [each["block_rate_ci"] for each in told],
        [each["block_rate_n"] for each in told],
        factor=100,
        tone="good",
    )
    data = {"labels": _labels(days), "unit": "%", "min": 0, "max": 100, "series": [series], "points": True}
    return _every_day(
        {
            "id": "block-rate",
            "kind": "line",
            "data": data,
            "keys": _keys(days),
            "alt": "Block rate by day with its interval",
            "definition": "Per cent: blocked / (blocked + succeeded) of the day's attacks, unclear ones in neither, "
            "with Wilson's 95 % interval; n: attacks decided",
        }
    )


def score(days: list[dict[str, Any]]) -> Chart | None:
    """Mean quality score a day with its band."""
    told = [day["quality"] for day in days]
    if not any(each["avg_score"] is not None for each in told):
        return None
    series = _series(
        "score",
        [each["avg_score"] for each in told],
        [each["avg_score_ci"] for each in told],
        [each["avg_score_n"] for each in told],
    )
    low, high = reach(series, 0, 10)
    data = {"labels": _labels(days), "unit": "", "min": low, "max": high, "series": [series], "points": True}
    return _every_day(
        {
            "id": "score",
            "kind": "line",
            "data": data,
            "keys": _keys(days),
            "alt": "Mean quality score by day with its interval",
            "definition": "Mean score (0 to 10) of the conversations that began on the day (UTC), with Student's 95 % "
            "interval; n: conversations scored",
        }
    )


def patterns(counts: dict[str, int]) -> Chart | None:
    """Poor-quality patterns, most frequent first."""
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    items: list[dict[str, Any]] = [{"label": say(name), "value": n} for name, n in found]
    if not items:
        return None
    return {
        "id": "patterns",
        "kind": "pareto",
        "data": {"items": items},
        "keys": [name for name, _ in found],
        "alt": f"{items[0]['label']} is the most frequent pattern, in {items[0]['value']:,} conversations",
        "definition": "Conversations with the pattern, of which one may have several; cumulative: share of all "
        "patterns found, from the most frequent on",
    }


def factors(found: list[dict[str, Any]]) -> Chart | None:
    """Differences of the confirmed rate with and without each factor, in points."""
    rows = [
        {
            "label": say(each["factor"]),
            "value": 100 * each["difference"],
            "lo": 100 * each["interval"][0],
            "hi": 100 * each["interval"][1],
            "n": each["n_with"],
            "tone": ("good" if each["difference"] > 0 else "bad") if each["stands"] else "thin",
        }
        for each in found
        if each["difference"] is not None and each["interval"] is not None
    ]
    if not rows:
        return None
    reach = max(5.0, *(abs(row[bound]) for row in rows for bound in ("lo", "hi")))
    data = {"unit": "points", "min": -reach, "max": reach, "zero": 0, "rows": rows}
    return {
        "id": "factors",
        "kind": "forest",
        "data": data,
        "first": "Factor",
        "alt": "Factors and the upsell rate",
        "definition": "Points: share of offers confirmed with the factor, less that without it, with 95 % interval; n: "
        "offers with it. An association, not a cause",
    }


def reply_times(days: list[dict[str, Any]]) -> Chart | None:
    """Median and P95 reply time a day, in seconds."""
    told = [day["performance"] for day in days]
    if not any(each["reply_time_p50"] is not None for each in told):
        return None
    timed = [each["replies_timed"] for each in told]
    median = _series("median", [each["reply_time_p50"] for each in told], None, timed)
    slow = _series("P95", [each["reply_time_p95"] for each in told], None, timed, tone="c3")
    data = {"labels": _labels(days), "unit": "s", "min": 0, "series": [median, slow], "points": True}
    return _every_day(
        {
            "id": "reply",
            "kind": "line",
            "data": data,
            "keys": _keys(days),
            "alt": "Median and P95 reply time by day",
            "definition": "Seconds from a message to its reply, over the replies of conversations that began on the "
            "day (UTC); n: replies timed",
        }
    )


def lead(chart: Chart | None, address: Callable[[str], str]) -> None:
    """Give each row of a chart's table the address of what is behind it, by its key."""
    if chart is not None:
        chart["links"] = [address(key) for key in chart["keys"]]


def mark(chart: Chart | None, marks: Sequence[dict[str, Any]]) -> None:
    """Stand marks on a day chart, those between its first and its last day: hairlines, and the list below it.

    A mark is {"at", "short", "words", "url", "bad"}. A day's point stands for the whole of it, so that midnight lies
    half a day before it.
    """
    if chart is None:
        return
    days = chart["days"]
    inside = [each for each in marks if days[0] <= each["at"].astimezone(UTC).date() <= days[-1]]
    chart["marks"] = inside
    chart["data"]["marks"] = [
        {"at": round(_place(days, each["at"]), 3), "label": each["short"], **({"kind": "bad"} if each["bad"] else {})}
        for each in inside
    ]


def _place(days: Sequence[date], at: datetime) -> float:
    moment = at.astimezone(UTC)
    return (moment.date() - days[0]).days - 0.5 + (moment.hour * 60 + moment.minute) / (24 * 60)


def reach(series: dict[str, Any], least: int, most: int) -> tuple[int, int]:
    """Return whole ends of an axis around a line and its band, two apart or more: lines need no base."""
    seen = [value for key in ("values", "lo", "hi") for value in series.get(key, ()) if value is not None]
    low, high = math.floor(min(seen)), math.ceil(max(seen))
    if high - low < 2:
        low, high = (low - 1, high) if high >= most else (low, high + 1)
    return max(low, least), min(high, most)


def _every_day(chart: Chart) -> Chart:
    """Give the axis every day from the first to the last; the table keeps to those that have something."""
    told = {date.fromisoformat(key): place for place, key in enumerate(chart["keys"])}
    first, last = min(told), max(told)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    chart["days"], chart["table"] = days, chart["data"]
    if len(days) == len(told):
        return chart

    def spread(values: Sequence[Any]) -> list[Any]:
        return [values[told[day]] if day in told else None for day in days]

    data = {name: spread(found) if name in _BY_DAY else found for name, found in chart["data"].items()}
    data["labels"] = [_label(day) for day in days]
    if "series" in data:
        data["series"] = [
            {name: spread(found) if name in _BY_DAY else found for name, found in each.items()}
            | {"thin": [(date.fromisoformat(chart["keys"][place]) - first).days for place in each["thin"]]}
            for each in data["series"]
        ]
    chart["data"] = data
    return chart


def _keys(days: list[dict[str, Any]]) -> list[str]:
    return [day["key"] for day in days]


def _labels(days: list[dict[str, Any]]) -> list[str]:
    return [_label(date.fromisoformat(day["key"])) for day in days]


def _label(day: date) -> str:
    return f"{day:%-d %b}"


def _series(
    name: str,
    values: list[float | None],
    intervals: list[list[float] | None] | None,
    n: list[int],
    *,
    factor: float = 1,
    tone: str = "accent",
) -> dict[str, Any]:
    series: dict[str, Any] = {
        "name": name,
        "values": [None if value is None else round(value * factor, 3) for value in values],
        "n": n,
        "tone": tone,
        "end": name,
        "thin": [index for index, count in enumerate(n) if count < _THIN],
    }
    if intervals is not None:
        series["lo"] = [None if pair is None else round(pair[0] * factor, 3) for pair in intervals]
        series["hi"] = [None if pair is None else round(pair[1] * factor, 3) for pair in intervals]
    return series
