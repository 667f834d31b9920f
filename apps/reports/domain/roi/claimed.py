"""A calculation as somebody made it, added up exactly, and the simple one people know: benefit over investment."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from apps.reports.domain.roi.model import WEEKS_A_MONTH, Claimed, ClaimedAmount, Each


@dataclass(frozen=True)
class Totals:
    """What a calculation comes to. ``roi_percent`` is (benefit − cost) / cost × 100; None where nothing was spent."""

    cost: Decimal
    benefit: Decimal
    roi_percent: Decimal | None


@dataclass(frozen=True)
class SimpleReturn:
    """Monthly returns against what was invested once, leaving running costs out, as such calculations do.

    ``ratio``: benefit to cost after one month; ``roi_percent``: of one month; ``payback_months``: until the
    investment has come back; ``annual_value``: of twelve such months.
    """

    investment: Decimal
    monthly_benefit: Decimal
    ratio: Decimal
    roi_percent: Decimal
    payback_months: Decimal
    annual_value: Decimal


def add_up(claimed: Claimed) -> Totals:
    """Return the totals of a calculation."""
    cost = sum((_over(line, claimed) for line in claimed.costs), Decimal(0))
    benefit = sum((_over(line, claimed) for line in claimed.benefits), Decimal(0))
    return Totals(cost, benefit, (benefit - cost) / cost * 100 if cost else None)


def simple_return(claimed: Claimed) -> SimpleReturn | None:
    """Return the simple calculation; None where nothing was invested once or nothing comes back monthly."""
    investment = sum((line.quantity * line.price for line in claimed.costs if line.each is Each.ONCE), Decimal(0))
    monthly = sum((line.quantity * line.price for line in claimed.benefits if line.each is Each.MONTH), Decimal(0))
    if investment <= 0 or monthly <= 0:
        return None
    return SimpleReturn(
        investment=investment,
        monthly_benefit=monthly,
        ratio=monthly / investment,
        roi_percent=(monthly - investment) / investment * 100,
        payback_months=investment / monthly,
        annual_value=monthly * 12,
    )


def months_of(weeks: Decimal) -> Decimal:
    """Return how many months so many weeks are, 52 weeks being 12 months."""
    return weeks / WEEKS_A_MONTH


def _over(line: ClaimedAmount, claimed: Claimed) -> Decimal:
    times = {Each.ONCE: Decimal(1), Each.WEEK: claimed.weeks, Each.MONTH: claimed.months}
    return line.quantity * line.price * times[line.each]
