"""The only place that reads the clock. A sandbox organization has one that its administrator moves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Timekeeper(Protocol):
    """What the clock needs to know of an organization."""

    sandbox: bool
    clock_at: datetime | None


# Moments that leave room for zones and for the arithmetic of retention on both sides of what a database can hold.
EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9900, 1, 1, tzinfo=UTC)


def is_usable(moment: datetime) -> bool:
    """Say whether an aware moment can be stored and calculated with."""
    return EARLIEST <= moment <= LATEST


def now(organization: Timekeeper) -> datetime:
    """Return the organization's time, aware, in UTC."""
    if organization.sandbox and organization.clock_at is not None:
        return organization.clock_at
    return wall()


def wall() -> datetime:
    """Return wall time: for leases, rate limits and security expiry, which no sandbox may move."""
    return datetime.now(UTC)
