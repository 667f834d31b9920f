"""What an arm is reduced to: count, sum and sum of squares, without cancellation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction


@dataclass(frozen=True)
class Summary:
    """``n`` values by their sum and sum of squares; for a proportion all three follow from n and the successes.

    ``squares_about_mean`` is what the variance is computed from. ``of`` and ``merge`` carry it along (Welford 1962;
    Chan, Golub and LeVeque 1983), so money near 1e9 keeps its variance; made from ``sum_squares`` alone it is the exact
    difference of what was given, and exact integers or Decimals stay exact.

    Raises ValueError for a negative n, and for squares that no n values with this sum can have.
    """

    n: int
    sum: float | Decimal
    sum_squares: float | Decimal
    squares_about_mean: float = field(default=-1.0)

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError(f"n must not be negative, got {self.n}")
        if self.squares_about_mean >= 0:
            return
        about_mean = 0.0
        if self.n > 1:  # one value has no spread, whatever rounding did to its square
            squares, total = Fraction(self.sum_squares), Fraction(self.sum)
            exact = squares - total * total / self.n
            # Rounding of given floats may leave a few ulp below zero; more than that is a contradiction.
            if exact < -Fraction(1, 10**9) * max(squares, Fraction(1)):
                raise ValueError(f"{self.n} values cannot sum to {self.sum} with squares summing to {self.sum_squares}")
            about_mean = max(0.0, float(exact))
        object.__setattr__(self, "squares_about_mean", about_mean)

    @classmethod
    def of(cls, values: Iterable[float]) -> Summary:
        """Summarize values in one pass (Welford)."""
        n, mean, about_mean, total, squares = 0, 0.0, 0.0, 0.0, 0.0
        for value in values:
            n += 1
            step = value - mean
            mean += step / n
            about_mean += step * (value - mean)
            total += value
            squares += value * value
        return cls(n, total, squares, about_mean)

    @classmethod
    def of_successes(cls, successes: int, n: int) -> Summary:
        """Summarize a proportion. Raises ValueError unless 0 <= successes <= n."""
        if not 0 <= successes <= n:
            raise ValueError(f"successes must lie between 0 and n = {n}, got {successes}")
        return cls(n, successes, successes)

    def merge(self, other: Summary) -> Summary:
        """Return the summary of both sets of values together."""
        if not self.n or not other.n:
            return self if self.n else other
        n, step = self.n + other.n, other.mean - self.mean
        about_mean = self.squares_about_mean + other.squares_about_mean + step * step * self.n * other.n / n
        return Summary(
            n, float(self.sum) + float(other.sum), float(self.sum_squares) + float(other.sum_squares), about_mean
        )

    @property
    def mean(self) -> float:
        """The mean; 0.0 without values."""
        return float(self.sum) / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """The sample variance (n − 1); 0.0 below two values."""
        return self.squares_about_mean / (self.n - 1) if self.n > 1 else 0.0

    @property
    def is_proportion(self) -> bool:
        """Whether every value can have been 0 or 1."""
        return self.sum == self.sum_squares and 0 <= self.sum <= self.n
