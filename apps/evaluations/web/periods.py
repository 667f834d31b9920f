"""The period a page is about: the last days of the organization's time, or all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest

from apps.evaluations.selectors import Filters
from apps.organizations.web.access import Access, page_url

_CHOICES = {"7": "7 days", "30": "30 days", "90": "90 days", "all": "All"}
_DEFAULT = "30"


@dataclass(frozen=True)
class Period:
    """``since`` (None: from the beginning) to now."""

    key: str
    since: datetime | None
    label: str

    @property
    def words(self) -> str:
        """The period as part of a sentence."""
        return "all time" if self.since is None else f"the last {_CHOICES[self.key]}"

    @property
    def link(self) -> dict[str, str]:
        """What a link to the rows of this period carries."""
        return {"since": self.since.date().isoformat()} if self.since else {}


def read_period(request: HttpRequest, access: Access) -> Period:
    """Return the period ``?days=`` names; 30 days where it names none."""
    key = request.GET.get("days", _DEFAULT)
    if key not in _CHOICES:
        key = _DEFAULT
    return _period(key, access)


def holding(moment: datetime, access: Access, *, wider_than: Period) -> Period:
    """Return the shortest period, wider than another, that holds the moment: all time where none does."""
    periods = [_period(key, access) for key in _CHOICES]
    wider = periods[[each.key for each in periods].index(wider_than.key) + 1 :]
    return next((each for each in wider if each.since is None or each.since <= moment), periods[-1])


def _period(key: str, access: Access) -> Period:
    if key == "all":
        return Period(key, None, "All time")
    today = access.now.astimezone(UTC).date()
    since = datetime.combine(today - timedelta(days=int(key) - 1), time(), UTC)
    return Period(key, since, f"{since:%-d %b} – {today:%-d %b %Y}")


def describe(period: Period, name: str, access: Access) -> dict[str, Any]:
    """Return what components/period.html shows."""
    choices = [
        {"label": label, "url": page_url(name, access, days=key), "current": key == period.key}
        for key, label in _CHOICES.items()
    ]
    return {"label": period.label, "choices": choices}


def filters_of(period: Period, access: Access) -> Filters:
    """Return which conversations the page is about."""
    return Filters(application_id=access.application_id, since=period.since)
