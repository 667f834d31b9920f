"""What a printed report says, as lines and rows of text, before anything is laid out."""

from __future__ import annotations

from typing import Any

from apps.reports.domain.content import by_application, teams_of
from apps.reports.domain.periods import named
from apps.reports.printing.style import amount
from apps.reports.wording import (
    approved_words,
    effect_words,
    input_words,
    range_words,
    result_words,
    state_words,
    unit_words,
    volume_words,
)

Rows = list[list[str]]


def period(content: dict[str, Any]) -> str:
    """Say what the report's period brought, and how that stands beside what was claimed of it before."""
    currency, about, before = content["currency"], content["period"], content.get("before")
    said = []
    if about["known"]:
        rest = "" if about["complete"] else ", the rest of it expected"
        said.append(
            f"{named(about['kind'], about['name'])}: brought {amount(about['benefit'], currency)}, cost "
            f"{amount(about['cost'], currency)}, net {amount(about['net'], currency)}{rest}."
        )
    if before is None:
        return " ".join([*said, "There is no report before to compare with."])
    said.append(f"{before['words']} against {named(about['kind'], before['name'])}.")
    if before["claimed"] is not None:
        said.append(
            f"Claimed then for this period: {amount(before['claimed'], currency)}, realised: "
            f"{amount(before['realised'], currency)}."
        )
    return " ".join(said)


def not_counted(content: dict[str, Any]) -> list[str]:
    """Return what is in no total: estimates with their band, and what nothing stands for."""
    currency = content["currency"]
    apart = [
        f"{each['label']} (grade D, an estimate): {range_words(each['total']['p10'], each['total']['p90'], currency)}, "
        "in a band of its own, never in the headline"
        for each in content["apart"]
    ]
    return [*apart, *content["not_counted"]]


def rows_of_lines(content: dict[str, Any]) -> Rows:
    """Return benefits, then costs: line, evidence, effect, volume, P10 to P90, P50."""
    currency, rows = content["currency"], []
    for each in (*content["lines"], *content["costs"]):
        sign, total = (1 if "haircut" in each else -1), each["total"]
        evidence = " ".join(filter(None, [each.get("grade"), state_words(each)]))
        rows.append(
            [each["label"], evidence, effect_words(each, currency), volume_words(each),
             range_words(sign * total["p10"], sign * total["p90"], currency), amount(sign * total["p50"], currency)]
        )  # fmt: skip
    return rows


def left_out(content: dict[str, Any]) -> list[str]:
    """Return why what was measured is in no total, each reason with all it is the reason for."""
    by_reason: dict[str, dict[str, list[str]]] = {}
    for each in content["left_out"]:
        results = by_reason.setdefault(each["why"], {}).setdefault(each.get("name") or each["key"], [])
        if each.get("metric"):
            results.append(result_words(each, content["currency"]))
    return [
        f"{why[:1].upper()}{why[1:]}: {'; '.join(', '.join([name, *results]) for name, results in changes.items())}"
        for why, changes in by_reason.items()
    ]


def rows_of_teams(content: dict[str, Any]) -> Rows:
    """Return, by team, what it did and what it learned, a change a line."""
    rows = []
    for each in teams_of(content):
        told: dict[bool, list[str]] = {True: [], False: []}
        for change in each["changes"]:
            results = ", ".join(result_words(line, content["currency"]) for line in change["results"])
            state = "" if change["did"] else f" ({state_words(change['line'])})"
            told[change["did"]].append(f"{change['name']}{state}: {results}")
        words = ["\n".join(told[did]) or "nothing decided" for did in (True, False)]
        rows.append([each["team"].capitalize(), *words])
    return rows


def rows_of_applications(content: dict[str, Any]) -> Rows:
    """Return benefit, cost and net of each application."""
    return [
        [each["application"], *(amount(each[name], content["currency"]) for name in ("benefit", "cost", "net"))]
        for each in by_application(content)
    ]


def rows_of_assumptions(content: dict[str, Any]) -> Rows:
    """Return each assumption in its unit, whose it is where there are several applications."""
    currency = content["currency"]
    several = len({each["application"] for each in content["assumptions"]}) > 1
    return [
        [each["key"].replace("_", " ").capitalize() + (f", {each['application']}" if several else ""),
         input_words(each, currency), unit_words(each, currency), each["source"], each["owner"],
         approved_words(each) or "not approved"]
        for each in content["assumptions"]
    ]  # fmt: skip
