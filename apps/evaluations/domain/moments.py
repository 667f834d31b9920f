"""Count, sum and sum of squares, in whole numbers so that the order of adding never shows in the last digit."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec


class Moments(msgspec.Struct, frozen=True, array_like=True):
    """Sufficient statistics of a mean; the field that holds them fixes the unit (thousandths, ten-thousandths)."""

    n: int = 0
    total: int = 0
    squares: int = 0

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both samples."""
        return Moments(self.n + other.n, self.total + other.total, self.squares + other.squares)

    def mean(self, unit: int) -> float | None:
        """Return the mean, given how many of these whole numbers make one; None when there is nothing."""
        return self.total / self.n / unit if self.n else None

    def variance(self, unit: int) -> float | None:
        """Return the sample variance (n − 1); None below two values."""
        if self.n < 2:
            return None
        # Whole numbers until the last division: nothing cancels.
        return (self.n * self.squares - self.total * self.total) / (self.n * (self.n - 1)) / unit / unit

    def error(self, unit: int) -> float | None:
        """Return the standard error of the mean; None below two values."""
        variance = self.variance(unit)
        return None if variance is None else math.sqrt(variance / self.n)


class Gathering:
    """Moments while they are being gathered."""

    __slots__ = ("n", "squares", "total", "unit")

    def __init__(self, unit: int) -> None:
        self.unit = unit
        self.n = self.total = self.squares = 0

    def add(self, value: float | Decimal) -> None:
        """Count one value, rounded to the unit."""
        whole = round(value * self.unit)
        self.n += 1
        self.total += whole
        self.squares += whole * whole

    def done(self) -> Moments:
        """Return what was gathered."""
        return Moments(self.n, self.total, self.squares)
