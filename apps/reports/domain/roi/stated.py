"""Figures somebody states, computed again: each that disagrees with the others is a warning that says which."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from math import prod

from apps.reports.domain.roi.claimed import add_up, months_of
from apps.reports.domain.roi.figures import MINUS, percent
from apps.reports.domain.roi.model import (
    Claimed,
    Model,
    Stated,
    StatedChange,
    StatedProduct,
    StatedTotal,
    Written,
)

# A stated figure may be rounded: to its own last digit, or by half a per cent ("about 2,400" for 2,401).
_ROUNDED_BY = Decimal("0.005")
_PERCENT = Decimal("0.01")


def warnings_of(model: Model) -> list[str]:
    """Return a sentence for every figure that does not follow from the others, in the order they are written."""
    found = [_disagreement(stated, model.claimed) for stated in model.stated]
    return [warning for warning in [*_periods(model.claimed), *found] if warning]


def relative_change(before: Decimal, after: Decimal) -> Decimal | None:
    """Return (after − before) / before; None where before is 0."""
    return (after - before) / before if before else None


def _periods(claimed: Claimed | None) -> list[str]:
    if claimed is None or not claimed.weeks or not claimed.months:
        return []
    months = months_of(claimed.weeks)
    if abs(months - claimed.months) <= claimed.months * Decimal("0.02"):
        return []
    return [
        f"costs of {claimed.weeks:f} weeks are set against returns of {claimed.months:f} months; "
        f"{claimed.weeks:f} weeks are {_short(months)} months"
    ]


def _disagreement(stated: Stated, claimed: Claimed | None) -> str | None:
    if isinstance(stated, StatedChange):
        return _change(stated)
    if isinstance(stated, StatedProduct):
        return _product(stated)
    return _total(stated, claimed)


def _change(stated: StatedChange) -> str | None:
    change = relative_change(stated.before.value, stated.after.value)
    path = f"{stated.figure} {_spaced(stated.before.text)} → {_spaced(stated.after.text)}"
    if change is None:
        return f"{path} has no relative change: it began at 0"
    if _agree(stated.change, change):
        return None
    said = f"{path} is {percent(change)}, not {_spaced(stated.change.text)}"
    is_difference = "%" in stated.before.text and _agree(stated.change, stated.after.value - stated.before.value)
    return said + (" (that is the difference in points)" if is_difference else "")


def _product(stated: StatedProduct) -> str | None:
    value = prod((factor.value for factor in stated.factors), start=Decimal(1))
    if _agree(stated.value, value):
        return None
    made = " × ".join(_spaced(factor.text) for factor in stated.factors)
    return f"{stated.figure}: {made} = {_short(value)}, not {_spaced(stated.value.text)}"


def _total(stated: StatedTotal, claimed: Claimed | None) -> str | None:
    if claimed is None:
        return f"{stated.figure}: nothing is claimed that would give {_spaced(stated.value.text)}"
    totals = add_up(claimed)
    if stated.of == "roi_percent":
        if totals.roi_percent is None:
            return f"{stated.figure}: without a cost there is no {_spaced(stated.value.text)} of it"
        value = totals.roi_percent / 100
        # "580" and "580 %" mean the same of a figure that is a percentage.
        given = stated.value if "%" in stated.value.text else Written(stated.value.value / 100, stated.value.text + "%")
        shown = percent(value, 1)
    else:
        value, given = (totals.cost if stated.of == "cost" else totals.benefit), stated.value
        shown = _short(value)
    return None if _agree(given, value) else f"{stated.figure}: the lines give {shown}, not {_spaced(given.text)}"


def _agree(stated: Written, computed: Decimal) -> bool:
    digits = stated.text.partition(".")[2]
    half = Decimal("0.5").scaleb(-len([each for each in digits if each.isdigit()]))
    if "%" in stated.text or "point" in stated.text:
        half *= _PERCENT
    return abs(stated.value - computed) <= max(half, abs(computed) * _ROUNDED_BY)


def _short(value: Decimal) -> str:
    rounded = abs(value).quantize(Decimal("0.01"), ROUND_HALF_UP)
    text = f"{rounded:,}".rstrip("0").rstrip(".")
    return f"{MINUS if value < 0 and rounded else ''}{text}"


def _spaced(text: str) -> str:
    """Return a number as it was written, with a minus sign and a space before the per cent."""
    said = text.strip().replace("-", MINUS)
    return said[:-1].rstrip() + " %" if said.endswith("%") else said
