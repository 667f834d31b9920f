"""The only place that reads the clock. A sandbox organization has one that its administrator moves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Timekeeper(Protocol):
    """What the clock needs to know of an organization."""

    sandbox: bool
    clock_at: datetime | None


def now(organization: Timekeeper) -> datetime:
    """Return the organization's time, aware, in UTC."""
    if organization.sandbox and organization.clock_at is not None:
        return organization.clock_at
    return wall()


def wall() -> datetime:
    """Return wall time: for leases, rate limits and security expiry, which no sandbox may move."""
    return datetime.now(UTC)
