"""Days as charts and forecasts read them, and how many of them they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

# Days of history before anything is said of a drift or of the days to come.
WARM_UP = 56
# A day with fewer values has no mean worth charting.
FEWEST_VALUES = 5


@dataclass(frozen=True)
class DailyMean:
    """``n`` values of one day, their mean and their sample variance."""

    day: date
    n: int
    mean: float
    variance: float
