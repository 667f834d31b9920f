"""Numbers as people write them, in and out.

In: `50`, `$8,000`, `30%`, `11 points`, `240 s`. Out: `$8,000`, `−48 %`.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

_NUMBER = re.compile(r"([-+−]?)[ ]?[$€£]?(\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(\.\d{1,10})? ?(%|points?|s|min|h)?")
_PARTS = {"%": Decimal(100), "points": Decimal(100), "point": Decimal(100), "s": Decimal(3600), "min": Decimal(60)}
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
MINUS = "−"


def read_number(text: str) -> Decimal | None:
    """Return the number; percentages and points as a share, times in hours. None: this is no number."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    value = Decimal(match[2].replace(",", "") + (match[3] or "")) / _PARTS.get(match[4] or "", Decimal(1))
    return -value if match[1] in {"-", "−"} else value


def cents(value: Decimal | float) -> Decimal:
    """Return an amount to the cent."""
    return Decimal(str(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def money(value: Decimal, currency: str) -> str:
    """Write an amount: whole from 1,000 up, else with cents where it has any."""
    size = abs(value)
    digits = 0 if size >= 1000 or size == size.to_integral_value() else 2
    rounded = size.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    sign = MINUS if value < 0 and rounded else ""
    return f"{sign}{_SYMBOLS.get(currency, currency + ' ')}{rounded:,}"


def percent(share: Decimal, digits: int = 0) -> str:
    """Write a share as a percentage: -.478 is `−48 %`."""
    rounded = abs(share * 100).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{MINUS if share < 0 and rounded else ''}{rounded:,} %"
