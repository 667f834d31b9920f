"""Amounts as logs write them: numbers, strings with a currency sign, or nonsense."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import re2

# No single conversation is worth more; what claims to be is a mistake or an attack on the totals.
LARGEST = Decimal(10_000_000)
_PLACES, _FINE_PLACES = Decimal("0.01"), Decimal("0.00000001")
_AMOUNT = re2.compile(
    r"^\s*(?P<sign>[-+−]?)\s*(?:[$€£]|USD|EUR|GBP)?\s*(?P<number>-?[0-9][0-9,]*(?:\.[0-9]+)?)\s*[^0-9]*$"
)
_PRICE = re2.compile(
    r"(?i)[$€£]\s?(?P<number>[0-9][0-9,]*(?:\.[0-9]{1,2})?)\s?(?P<period>(?:/|per |a |each )\s?(?:mo\b|month|"
    r"year|yr\b|user|seat))?"
)


def read_amount(value: Any) -> Decimal | None:
    """Return an amount of money in a metadata value ("$19.99", 19.99, "-50"), to the cent; None when it is none."""
    amount = read_amount_exactly(value)
    return None if amount is None else amount.quantize(_PLACES)


def read_amount_exactly(value: Any) -> Decimal | None:
    """Return the same to eight places, for what costs fractions of a cent."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        found = _AMOUNT.match(value[:40])
        if found is None:
            return None
        value = found.group(2).replace(",", "")
        if found.group(1) in ("-", "−"):
            value = "-" + value.lstrip("-")
    elif not isinstance(value, int | float | Decimal):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount.quantize(_FINE_PLACES) if amount.is_finite() and abs(amount) <= LARGEST else None


def prices_in(text: str) -> list[Decimal]:
    """Return the prices named in a text, in order; when any names a period (a month, a year), only those."""
    found = list(_PRICE.finditer(text))
    named = [match for match in found if match.group(2)]
    amounts = (read_amount(match.group(1)) for match in named or found)
    return [amount for amount in amounts if amount is not None]
