"""A report beside the one before: what this period brought, what was claimed of it then, and what became of that."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.reports.domain.content import plain
from apps.reports.domain.periods import Period, noun
from apps.reports.domain.roi.figures import MINUS, money

Months = Mapping[str, Mapping[str, Any]]


def about_period(content: Mapping[str, Any], period: Period, *, complete: bool) -> dict[str, Any]:
    """Return what the period brought and cost: means of the draws, with what was counted in it.

    ``complete`` False: its last month is under way, and the rest of that is expected, not counted.
    """
    found = _sums(content, period.months)
    return {
        "kind": period.kind, "name": period.name, "months": period.months, "complete": complete,
        "known": found is not None, **(plain(found) if found is not None else {}),
    }  # fmt: skip


def beside(
    content: Mapping[str, Any], period: Period, before: Mapping[str, Any] | None, *, before_id: str = ""
) -> dict[str, Any] | None:
    """Return the comparison with the report before; None where there is none to compare with.

    ``change``: this period's net value less the one's before, in words such as "+$2,400 this month". ``claimed`` is
    what the report before expected of this period, ``realised`` what this one makes of it.
    """
    if before is None or before.get("currency") != content["currency"] or not before.get("period", {}).get("known"):
        return None
    now, claimed = _sums(content, period.months), _sums(before, period.months)
    if now is None:
        return None
    change = now["net"] - Decimal(str(before["period"]["net"]))
    sign = "+" if change > 0 else MINUS if change < 0 else ""
    return {
        "id": before_id,
        "name": before["period"]["name"],
        "change": plain(change),
        "words": f"{sign}{money(abs(change), content['currency'])} this {noun(period.kind)}",
        "claimed": plain(claimed["net"]) if claimed is not None else None,
        "realised": plain(now["net"]),
        "p10_before": (before.get("figures") or {}).get("net", {}).get("p10"),
    }


def _sums(content: Mapping[str, Any], months: list[str]) -> dict[str, Decimal] | None:
    """Return benefit, cost and net of the months that the content knows; None where it knows none of them."""
    found = [each for each in content.get("by_month", ()) if each["label"] in months]
    if not found:
        return None
    benefit = sum((Decimal(str(each["benefit"])) for each in found), Decimal(0))
    cost = sum((Decimal(str(each["cost"])) for each in found), Decimal(0))
    if content["first_month"] in months:
        # What was spent at the start belongs to the first month.
        cost += Decimal(str(content["at_start"]["cost"]))
    return {"benefit": benefit, "cost": cost, "net": benefit - cost}
