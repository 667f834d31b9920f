"""A valuation's or a report's content as the page shows it."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from apps.organizations.web.access import Access, page_url
from apps.platform.templatetags.figures import money, number
from apps.reports.domain.content import NO_CURRENCY, READY, Content, by_application, teams_of
from apps.reports.domain.months import in_words
from apps.reports.domain.periods import named
from apps.reports.wording import (
    approved_words,
    effect_words,
    input_words,
    payback_words,
    range_words,
    result_words,
    state_words,
    swing_words,
    unit_words,
    volume_words,
    whole,
)

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def show_content(content: Content, access: Access) -> dict[str, Any]:
    """Return what portal/roi.html shows of a content."""
    currency = content["currency"]
    shown: dict[str, Any] = {
        "state": content["state"],
        "missing": content["missing"],
        "not_counted": content["not_counted"],
        "apart": [_apart(each, currency) for each in content["apart"]],
        "assumptions": [_assumption(each, currency) for each in content["assumptions"]],
        "assumptions_url": page_url("roi_assumptions", access),
        "left_out": [
            {
                "name": each.get("name") or each["key"], "what": each.get("what", ""), "why": each["why"],
                "state": state_words(each), "grade": each.get("grade"), "effect": effect_words(each, currency),
                "url": _line_url(each),
            }
            for each in content["left_out"]
        ],
        "code": content["code"],
    }  # fmt: skip
    if content["state"] != READY:
        return shown | {"needs_currency": content["state"] == NO_CURRENCY}
    scale = _scale(content)
    return shown | {
        **_headline(content),
        "figures": _figures(content),
        "fan": _fan(content),
        "fan_note": f"{content['draws']:,} draws, seed {content['seed']}. Dark band 50 %, light band 80 %.",
        "waterfall": _waterfall(content),
        "months": content["months"],
        "lines": [_line(each, currency, scale) for each in content["lines"]],
        "costs": [_cost(each, currency, scale) for each in content["costs"]],
        "tornado": _tornado(content),
        "middle": money(whole(content["figures"]["net"]["p50"]), currency),
        "teams": [_team(each, currency) for each in teams_of(content)],
        "adopted": content.get("adopted", []),
        "by_application": [
            {
                "application": each["application"],
                **{name: money(whole(each[name]), currency) for name in ("benefit", "cost", "net")},
            }
            for each in by_application(content)
        ],
    }


def show_before(content: Content) -> dict[str, Any] | None:
    """Return the comparison with the report before; None where there is none."""
    before = content.get("before")
    if before is None:
        return None
    currency = content["currency"]
    return {
        "words": before["words"],
        "tone": "bad" if before["change"] < 0 else "good",
        "name": named(content["period"]["kind"], before["name"]),
        "url": reverse("roi_report", args=[before["id"]]),
        "claimed": None if before["claimed"] is None else money(whole(before["claimed"]), currency),
        "realised": money(whole(before["realised"]), currency),
    }


def show_period(content: Content) -> dict[str, Any] | None:
    """Return what the period of a report brought; None where the ledger knows nothing of it."""
    period, currency = content.get("period"), content["currency"]
    if period is None or not period["known"]:
        return None
    return {
        "name": named(period["kind"], period["name"]),
        "complete": period["complete"],
        **{name: money(whole(period[name]), currency) for name in ("benefit", "cost", "net")},
    }


def _headline(content: Content) -> dict[str, Any]:
    """Return the headline in three parts, so that the amount in it can be set apart."""
    words: str = content["headline"]
    start = next((place for place, character in enumerate(words) if character.isdigit() and place > 4), len(words))
    while start > 0 and words[start - 1] not in " \N{NO-BREAK SPACE}":
        start -= 1
    end = words.find(" ", start)
    return {"headline": [words[:start], words[start:end], words[end:]]}


def _figures(content: Content) -> list[dict[str, str]]:
    figures, currency = content["figures"], content["currency"]
    roi = figures["roi"]
    ratio = ("no ratio", "nothing is spent, as far as anybody said")
    if roi:
        ratio = (f"{number(roi['p50'], 0)} %", f"P10 {number(roi['p10'], 0)} %, P90 {number(roi['p90'], 0)} %")
    return [
        {"label": "50 % likely to exceed", "value": money(whole(figures["net"]["p50"]), currency), "note": "P50"},
        {"label": "10 % likely to exceed", "value": money(whole(figures["net"]["p90"]), currency), "note": "P90"},
        {"label": "Return, (B − C) / C", "value": ratio[0], "note": ratio[1]},
        {"label": "Paid back", "value": payback_words(figures["payback"]["p50"]),
         "note": f"P90: {payback_words(figures['payback']['p90'])}"},
        {"label": "Chance of a loss", "value": f"{number(figures['chance_of_loss'] * 100, 0)} %", "note": ""},
        {"label": f"Net present value, {number(content['discount_rate'] * 100, 0)} %",
         "value": money(whole(figures["npv"]["p50"]), currency),
         "note": f"P10 {money(whole(figures['npv']['p10']), currency)}"},
    ]  # fmt: skip


def _fan(content: Content) -> dict[str, Any]:
    points, currency = content["fan"], content["currency"]
    labels = ["start" if point["month"] == 0 else point["label"] for point in points]
    payback = content["figures"]["payback"]
    marks = [
        {"at": payback[name], "label": f"paid back, {name.upper()}"}
        for name in ("p50", "p90") if payback[name]
    ]  # fmt: skip
    if len(marks) == 2 and payback["p50"] == payback["p90"]:
        marks = [{"at": payback["p50"], "label": "paid back, P50 and P90"}]
    this = in_words(content["this_month"])
    marks += [{"at": labels.index(this), "label": "this month", "kind": "now"}] if this in labels else []
    last = points[-1]
    return {
        "id": "fan", "kind": "fan", "size": "l",
        "alt": f"Net value ends between {money(whole(last['p10']), currency)} and "
               f"{money(whole(last['p90']), currency)} after {content['months']} months",
        "data": {
            "labels": labels, "symbol": symbol_of(currency), "marks": sorted(marks, key=lambda each: each["at"]),
            **{name: [point[name] for point in points] for name in ("p10", "p25", "p50", "p75", "p90")},
        },
        "columns": ["Month", "P10", "P50", "P90"],
        "rows": [
            [label, *(money(whole(point[name]), currency) for name in ("p10", "p50", "p90"))]
            for label, point in zip(labels, points, strict=True)
        ],
    }  # fmt: skip


def _waterfall(content: Content) -> dict[str, Any]:
    currency, items = content["currency"], content["waterfall"]
    return {
        "id": "waterfall", "kind": "waterfall", "size": "l" if len(items) > 5 else "m",
        "alt": f"What lines bring and cost, to a net of {money(whole(items[-1]['value']), currency)}",
        "data": {
            "symbol": symbol_of(currency),
            "items": [
                {"label": (f"{each['grade']}  " if each["grade"] else "") + each["label"], "value": each["value"],
                 "short": _short(each["label"]),
                 **({"kind": "total"} if each.get("total") else {})}
                for each in items
            ],
        },
        "columns": ["Line", "Grade", currency],
        "rows": [[each["label"], each["grade"] or "", money(whole(each["value"]), currency)] for each in items],
    }  # fmt: skip


def _short(label: str) -> str:
    """Return what a phone has room for: the change's own name."""
    name = label.rpartition(": ")[2]
    return name if len(name) <= 20 else f"{name[:19]}…"


def _scale(content: Content) -> list[float]:
    bounds = [0.0]
    for each in content["lines"]:
        bounds += [each["total"]["p10"], each["total"]["p90"]]
    for each in content["costs"]:
        bounds += [-each["total"]["p90"], -each["total"]["p10"]]
    return [min(bounds), max(bounds)]


def _line(each: dict[str, Any], currency: str, scale: list[float]) -> dict[str, Any]:
    total = each["total"]
    tone = "und" if each["undecided"] else "bad" if total["p50"] < 0 else "good"
    return _described(each, currency) | {
        "grade": each["grade"], "tone": tone, "scale": scale,
        "pair": (total["p10"], total["p90"]), "middle": total["p50"],
        "p50": money(whole(total["p50"]), currency),
        "range": range_words(total["p10"], total["p90"], currency),
    }  # fmt: skip


def _cost(each: dict[str, Any], currency: str, scale: list[float]) -> dict[str, Any]:
    total = each["total"]
    return _described(each, currency) | {
        "grade": each.get("grade"), "tone": "bad", "scale": scale,
        "pair": (-total["p90"], -total["p10"]), "middle": -total["p50"],
        "p50": money(-whole(total["p50"]), currency),
        "range": range_words(-total["p90"], -total["p10"], currency),
    }  # fmt: skip


def _described(each: dict[str, Any], currency: str) -> dict[str, Any]:
    return {
        "label": each["label"], "evidence": state_words(each), "effect": effect_words(each, currency),
        "volume": volume_words(each), "application": each.get("application", ""), "url": _line_url(each),
        "source": each.get("name") or each["key"],
    }  # fmt: skip


def _line_url(each: dict[str, Any]) -> str | None:
    return reverse("roi_line", args=[each["source_id"]]) if each.get("metric") else None


def _apart(each: dict[str, Any], currency: str) -> dict[str, str]:
    total = each["total"]
    return {
        "label": each["label"], "effect": effect_words(each, currency), "url": _line_url(each) or "",
        "range": f"between {money(whole(total['p10']), currency)} and {money(whole(total['p90']), currency)}",
    }  # fmt: skip


def _assumption(each: dict[str, Any], currency: str) -> dict[str, Any]:
    return {
        "key": each["key"].replace("_", " "), "application": each["application"],
        "numbers": input_words(each, currency), "unit": unit_words(each, currency), "source": each["source"],
        "owner": each["owner"], "approved_by": approved_words(each), "is_guess": each["source"] == "guess",
    }  # fmt: skip


def _tornado(content: Content) -> list[dict[str, Any]]:
    currency, middle = content["currency"], content["figures"]["net"]["p50"]
    swings = content["tornado"]
    furthest = (
        max((abs(each[end] - middle) for each in swings for end in ("net_at_low", "net_at_high")), default=0) or 1
    )
    found = []
    for each in swings:
        low, high = sorted((each["net_at_low"], each["net_at_high"]))
        x = max(0.0, 50 + 50 * (low - middle) / furthest)
        found.append(
            {
                "label": each["label"],
                "inputs": swing_words(each, currency),
                "x": f"{x:.1f}", "width": f"{max(0.5, min(100 - x, 50 * (high - low) / furthest)):.1f}",
                "swing": money(whole(high - low), currency),
            }
        )  # fmt: skip
    return found


def _team(each: dict[str, Any], currency: str) -> dict[str, Any]:
    return {
        "team": each["team"],
        "changes": [
            {
                "name": change["name"], "did": change["did"], "url": _line_url(change["line"]),
                "state": state_words(change["line"]),
                "results": [result_words(line, currency) for line in change["results"]],
            }
            for change in each["changes"]
        ],
    }  # fmt: skip


def symbol_of(currency: str) -> str:
    """Return what stands before amounts of a currency."""
    return _SYMBOLS.get(currency, f"{currency} ")
