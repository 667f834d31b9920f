"""Charts from grouped metrics, in display units. What had no data that day is a gap, not a zero."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from apps.evaluations.web.words import say

Chart = dict[str, Any]
_THIN = 30


def attacks(days: list[dict[str, Any]]) -> Chart | None:
    """Attacks a day, stacked by outcome."""
    if not any(day["security"]["attacks_detected"] for day in days):
        return None
    data = {
        "labels": _labels(days),
        **{word: [day["security"][f"attacks_{word}"] for day in days] for word in ("blocked", "succeeded", "unclear")},
    }
    total = sum(day["security"]["attacks_detected"] for day in days)
    return {
        "id": "attacks",
        "kind": "outcomes",
        "data": data,
        "alt": f"{total} attacks over {len(days)} days by outcome",
    }


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
    return {"id": "block-rate", "kind": "line", "data": data, "alt": "Block rate by day with its interval"}


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
    low, high = _reach(series, 0, 10)
    data = {"labels": _labels(days), "unit": "", "min": low, "max": high, "series": [series], "points": True}
    return {
        "id": "score",
        "kind": "line",
        "data": data,
        "size": "m",
        "alt": "Mean quality score by day with its interval",
    }


def patterns(counts: dict[str, int]) -> Chart | None:
    """Poor-quality patterns, most frequent first."""
    items = [{"label": say(name), "value": n} for name, n in sorted(counts.items(), key=lambda i: (-i[1], i[0]))]
    if not items:
        return None
    alt = f"{items[0]['label']} is the most frequent pattern, in {items[0]['value']:,} conversations"
    return {"id": "patterns", "kind": "pareto", "data": {"items": items}, "alt": alt}


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
    return {"id": "factors", "kind": "forest", "data": data, "first": "Factor", "alt": "Factors and the upsell rate"}


def reply_times(days: list[dict[str, Any]]) -> Chart | None:
    """Median and P95 reply time a day, in seconds."""
    told = [day["performance"] for day in days]
    if not any(each["reply_time_p50"] is not None for each in told):
        return None
    timed = [each["replies_timed"] for each in told]
    median = _series("median", [each["reply_time_p50"] for each in told], None, timed)
    slow = _series("P95", [each["reply_time_p95"] for each in told], None, timed, tone="c3")
    data = {"labels": _labels(days), "unit": "s", "min": 0, "series": [median, slow], "points": True}
    return {"id": "reply", "kind": "line", "data": data, "alt": "Median and P95 reply time by day"}


def _reach(series: dict[str, Any], least: int, most: int) -> tuple[int, int]:
    """Return whole ends of an axis around a line and its band, two apart or more: lines need no base."""
    seen = [value for key in ("values", "lo", "hi") for value in series.get(key, ()) if value is not None]
    low, high = math.floor(min(seen)), math.ceil(max(seen))
    if high - low < 2:
        low, high = (low - 1, high) if high >= most else (low, high + 1)
    return max(low, least), min(high, most)


def _labels(days: list[dict[str, Any]]) -> list[str]:
    return [f"{date.fromisoformat(day['key']):%-d %b}" for day in days]


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
