"""How numbers are written: a real minus, thousands apart, units kept on the line. What is not known is never 0."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils import timezone

Number = int | float | Decimal

MINUS = "−"
UNKNOWN = "–"
_GLUE = "\N{NO-BREAK SPACE}"
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
THIN_BELOW = 30


def number(value: Number | str | None, digits: int | None = None) -> str:
    """Write 1234.5 as "1,234.5". Without ``digits`` whole numbers stay whole, others get one; words pass through."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    if digits is None:
        digits = 0 if value == int(value) else 1
    text = f"{abs(value):,.{digits}f}"
    is_zero = not text.strip("0.,")
    return text if value >= 0 or is_zero else MINUS + text


def percent(value: Number | str | None, digits: int = 0) -> str:
    """Write a fraction: .571 is "57 %"."""
    if value is None or isinstance(value, str):
        return number(value)
    return number(float(value) * 100, digits) + _GLUE + "%"


def money(value: Number | str | None, currency: str = "USD") -> str:
    """Write an amount: "$1,638", "$19.99", "$0.0042", "−$50"; cents only where they matter."""
    if value is None or isinstance(value, str):
        return number(value)
    size = abs(Decimal(str(value)))
    digits = 4 if 0 < size < Decimal("0.1") else 0 if size >= 1000 or size == int(size) else 2
    text = number(size, digits)
    symbol = _SYMBOLS.get(currency, currency + _GLUE)
    return (MINUS if value < 0 else "") + symbol + text


def signed(value: Number | str | None, digits: int = 1) -> str:
    """Write a difference with its sign: "+3.0", "−11.0"; a difference of nothing has none."""
    text = number(value, digits)
    if value is None or isinstance(value, str) or value <= 0 or not text.strip("0.,"):
        return text
    return "+" + text


def points(value: Number | str | None, digits: int = 1) -> str:
    """Write a difference of two fractions in points: -.11 is "−11.0 points"."""
    if value is None or isinstance(value, str):
        return number(value)
    return signed(float(value) * 100, digits) + _GLUE + "points"


def duration(seconds: Number | str | None) -> str:
    """Write a length of time in its nearest unit: "0.4 s", "12 s", "4 min", "5 h", "3 days"."""
    if seconds is None or isinstance(seconds, str):
        return number(seconds)
    value = float(seconds)
    for below, unit, size in ((10, "s", 1), (90, "s", 1), (5400, "min", 60), (129_600, "h", 3600)):
        if abs(value) < below:
            digits = 1 if below == 10 and value != int(value) else 0
            return number(value / size, digits) + _GLUE + unit
    days = round(value / 86_400)
    return number(days) + _GLUE + ("day" if days == 1 else "days")


def interval(pair: Sequence[Number | None] | None, digits: int | None = None) -> str:
    """Write an interval: "[37, 76]"; nothing where there is none."""
    if not pair or pair[0] is None or pair[1] is None:
        return ""
    if digits is None:
        digits = 0 if all(bound is not None and bound == int(bound) for bound in pair) else 1
    return f"[{number(pair[0], digits)}, {number(pair[1], digits)}]"


def interval_percent(pair: Sequence[Number | None] | None, digits: int = 0) -> str:
    """Write an interval of fractions in per cent, without the sign: (.37, .76) is "[37, 76]"."""
    if not pair or pair[0] is None or pair[1] is None:
        return ""
    return interval([float(pair[0]) * 100, float(pair[1]) * 100], digits)


def plain(word: str) -> str:
    """Write a word of the program's as people do: "rolled_back" is "rolled back"."""
    return word.replace("_", " ").replace("-", " ")


def file_size(value: Number | None) -> str:
    """Write bytes: "812 B", "13.5 MB" (powers of 1,000)."""
    if value is None:
        return UNKNOWN
    amount = float(value)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return number(amount, 0 if unit == "B" or amount >= 100 else 1) + _GLUE + unit
        amount /= 1000
    return number(amount, 1) + _GLUE + "GB"


def is_thin(n: Number | None) -> bool:
    """Say whether a rate or a mean rests on too few to be ranked or coloured."""
    return n is not None and n < THIN_BELOW


def when(value: datetime | date | None) -> str:
    """Write a moment in the active zone as "5 Nov 14:07", a date as "5 Nov"."""
    if value is None:
        return UNKNOWN
    if isinstance(value, datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        return f"{local.day} {local:%b %H:%M}"
    return f"{value.day} {value:%b}"


def days(since: datetime, until: datetime) -> str:
    """Write a period that ends before ``until`` by its days in the active zone: "23 – 29 Nov", "30 Oct – 5 Nov"."""
    first, last = timezone.localtime(since), timezone.localtime(until - timedelta(microseconds=1))
    if first.date() >= last.date():
        return f"{last.day} {last:%b}"
    start = f"{first.day}" if (first.year, first.month) == (last.year, last.month) else f"{first.day} {first:%b}"
    return f"{start} – {last.day} {last:%b}"


def when_in_full(value: datetime | date | None) -> str:
    """Write a moment with weekday, year and zone: "Fri 4 Dec 2026, 10:40 UTC"."""
    if value is None:
        return UNKNOWN
    if isinstance(value, datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        return f"{local:%a} {local.day} {local:%b %Y, %H:%M} {local:%Z}".rstrip()
    return f"{value:%a} {value.day} {value:%b %Y}"
