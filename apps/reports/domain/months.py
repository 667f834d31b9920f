"""Calendar months, in UTC, as the ledger counts them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

DAYS_A_MONTH = 365 / 12


def month_of(moment: datetime) -> str:
    """Return the month of a moment: 2026-11."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def start_of(month: str) -> datetime:
    """Return the first moment of a month."""
    return datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC)


def end_of(month: str) -> datetime:
    """Return the first moment after a month."""
    return start_of(later(month, 1))


def later(month: str, months: int) -> str:
    """Return the month so many months later."""
    count = int(month[:4]) * 12 + int(month[5:]) - 1 + months
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def between(first: str, last: str) -> list[str]:
    """Return every month from the first to the last, both included."""
    return [later(first, number) for number in range(distance(first, last) + 1)]


def distance(first: str, last: str) -> int:
    """Return how many months the second is after the first."""
    return (int(last[:4]) - int(first[:4])) * 12 + int(last[5:]) - int(first[5:])


def next_midnight(moment: datetime) -> datetime:
    """Return the next midnight in UTC; the moment itself where it is one. Whole days are read from rollups."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if day == moment else day + timedelta(days=1)


def in_words(month: str) -> str:
    """Write a month as Nov 2026."""
    return f"{start_of(month):%b %Y}"
