"""The periods reports are about: a calendar month, a quarter, or days somebody named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from apps.reports.domain.months import between, end_of, later, month_of, start_of

# A month's report is written a few hours into the next, when the last conversations of its days are analyzed.
GRACE = timedelta(hours=6)
LONGEST = timedelta(days=1100)


class BadPeriod(ValueError):
    """The words name no period; the message says what would."""


@dataclass(frozen=True)
class Period:
    """A stretch of time with its name: 2026-11, 2026-Q4, or 2026-11-01/2026-11-29 (the last day included)."""

    kind: str
    name: str
    since: datetime
    until: datetime

    @property
    def months(self) -> list[str]:
        """The calendar months it touches."""
        return between(month_of(self.since), month_of(self.until - timedelta(microseconds=1)))


def month(name: str) -> Period:
    """Return the period of a month."""
    return Period("monthly", name, start_of(name), end_of(name))


def quarter_of(name: str) -> Period:
    """Return the quarter a month is in."""
    number = (int(name[5:]) - 1) // 3
    first = f"{name[:4]}-{number * 3 + 1:02d}"
    return Period("quarterly", f"{name[:4]}-Q{number + 1}", start_of(first), end_of(later(first, 2)))


def days(since: datetime, until: datetime) -> Period:
    """Return the period between two midnights. Raises BadPeriod for one that is empty or too long."""
    if not since < until <= since + LONGEST:
        raise BadPeriod("since lies before until, by at most three years")
    last = until - timedelta(microseconds=1)
    return Period("on_demand", f"{since:%Y-%m-%d}/{last:%Y-%m-%d}", since, until)


def last_ended(kind: str, at: datetime) -> Period:
    """Return the last month or quarter that has ended before a moment."""
    last = later(month_of(at), -1)
    if kind == "monthly":
        return month(last)
    found = quarter_of(last)
    return found if found.until <= at else quarter_of(later(month_of(found.since), -1))


def next_due(kind: str, at: datetime) -> datetime:
    """Return when the report of the month or quarter under way is due."""
    this = month_of(at - GRACE)
    ends = end_of(this) if kind == "monthly" else quarter_of(this).until
    return ends + GRACE


def named(kind: str, name: str) -> str:
    """Write a period for people: November 2026, Quarter 4 of 2026, or its days, 1 to 29 Nov 2026."""
    if kind == "monthly":
        return f"{start_of(name):%B %Y}"
    if kind == "quarterly":
        return f"Quarter {name[-1]} of {name[:4]}"
    first, last = (date.fromisoformat(day) for day in name.split("/"))
    if first == last:
        return f"{last.day} {last:%b %Y}"
    begins = f"{first.day}" if (first.year, first.month) == (last.year, last.month) else f"{first.day} {first:%b %Y}"
    return f"{begins} to {last.day} {last:%b %Y}"


def noun(kind: str) -> str:
    """Return what a period of a kind is called: month, quarter, period."""
    return {"monthly": "month", "quarterly": "quarter"}.get(kind, "period")
