"""What the turns of the wheel compounded to: one figure a metric, its last value beside its first, a line of all."""

from __future__ import annotations

from typing import Any

from apps.organizations.web.access import Access, page_url
from apps.platform.templatetags.figures import interval, interval_percent, is_thin, money, number, percent

# Metric, label, kind of figure, digits, filters of the rows behind it.
_SHOWN: tuple[tuple[str, str, str, int, dict[str, str]], ...] = (
    ("block_rate", "Block rate", "percent", 0, {"outcome": "blocked"}),
    ("avg_quality_score", "Quality score", "number", 2, {}),
    ("upsell_rate", "Upsell, confirmed", "percent", 1, {"upsell": "confirmed"}),
    ("revenue_impact", "Revenue a turn", "money", 0, {"upsell": "confirmed"}),
)


def compounded_figures(turns: list[dict[str, Any]], access: Access) -> list[dict[str, Any]]:
    """Return a figure a metric from what Measure recorded, oldest turn first; none before the second turn."""
    if len(turns) < 2:
        return []
    return [_figure(turns, access, *shown) for shown in _SHOWN]


def _figure(
    turns: list[dict[str, Any]], access: Access, metric: str, label: str, kind: str, digits: int, rows: dict[str, str]
) -> dict[str, Any]:
    known = [(turn, figure) for turn in turns if (figure := turn["metrics"].get(metric) or {}).get("value") is not None]
    if not known:
        return {"label": label, "value": None, "note": f"no turn of {len(turns)} could say"}
    (first, before), (last, now) = known[0], known[-1]
    n = now.get("n") if kind != "money" else None
    shown: dict[str, Any] = {
        "label": label,
        "kind": kind,
        "value": now["value"],
        "interval": now.get("interval"),
        "n": n,
        "thin": is_thin(n),
        "digits": digits,
        "unit": "/ 10" if metric == "avg_quality_score" else "",
        "currency": access.organization.currency,
        "rows": page_url(
            "conversations", access, since=last["since"].date().isoformat(), until=last["until"].date().isoformat(),
            **rows,
        ),
        "note": f"from {_written(before, kind, digits, access)} in the turn to {first['until']:%-d %b}"
        if len(known) > 1
        else f"only the turn to {last['until']:%-d %b} could say",
    }  # fmt: skip
    if len(known) > 1:
        shown["spark"] = _spark([figure for _, figure in known])
    return shown


def _spark(figures: list[dict[str, Any]]) -> dict[str, Any]:
    bands = [figure.get("interval") for figure in figures]
    whole = all(band is not None for band in bands)
    return {
        "values": [figure["value"] for figure in figures],
        "low": [band[0] for band in bands if band] if whole else None,
        "high": [band[1] for band in bands if band] if whole else None,
        "last_is_thin": is_thin(figures[-1].get("n")),
    }


def _written(figure: dict[str, Any], kind: str, digits: int, access: Access) -> str:
    value, pair = figure["value"], figure.get("interval")
    if kind == "percent":
        return f"{percent(value, digits)} {interval_percent(pair, digits) if pair else ''}".strip()
    if kind == "money":
        return money(value, access.organization.currency)
    return f"{number(value, digits)} {interval(pair, digits) if pair else ''}".strip()
