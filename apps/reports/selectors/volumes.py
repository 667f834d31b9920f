"""How much of what a metric counts an application has, from rollups. Call inside tenant(...)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Min

from apps.evaluations.domain.metrics import metrics
from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.models import DailyRollup
from apps.evaluations.selectors import Filters
from apps.evaluations.selectors.metrics import read_tally
from apps.organizations.models import Application
from apps.reports.domain.months import DAYS_A_MONTH

_TODAY = timedelta(days=28)


class Volumes:
    """An application's volumes, each stretch of days read once. Bounds are midnights in UTC."""

    def __init__(self, application: Application, *, at: datetime) -> None:
        self._application, self._at = application, at
        self._known: dict[tuple[datetime, datetime], dict[str, Any]] = {}

    def counted(self, metric: str, since: datetime, until: datetime) -> Decimal:
        """Return how many units of the metric's denominator there were in a stretch; 0 for an empty one."""
        if until <= since:
            return Decimal(0)
        found = self._metrics(since, until)
        return Decimal(str(REGISTRY[metric].units(found) or 0))

    def a_month(self, metric: str) -> Decimal:
        """Return the volume a month as it is now: of the last whole weeks that hold data, at most four.

        Before there is a week, of the days there are: a week without its Sunday is busier than weeks are.
        """
        until = self._at.replace(hour=0, minute=0, second=0, microsecond=0)
        days = (until - max(until - _TODAY, self._first() or until)).days
        days = days - days % 7 if days >= 7 else days
        if days < 1:
            return Decimal(0)
        return self.counted(metric, until - timedelta(days=days), until) * Decimal(str(DAYS_A_MONTH)) / days

    def metrics(self, since: datetime, until: datetime) -> dict[str, Any]:
        """Return the metrics of a stretch."""
        return self._metrics(since, until)

    def _first(self) -> datetime | None:
        day = DailyRollup.objects.filter(application=self._application).aggregate(first=Min("day"))["first"]
        return None if day is None else datetime.combine(day, time(), UTC)

    def _metrics(self, since: datetime, until: datetime) -> dict[str, Any]:
        if (since, until) not in self._known:
            tally = read_tally(Filters(application_id=self._application.id, since=since, until=until))
            self._known[since, until] = metrics(tally)
        return self._known[since, until]
