"""When an alert goes out: at once, at the hour of a digest, or when quiet hours are over. Critical ones never wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from apps.evaluations.domain.registry import REGISTRY
from apps.insights.domain.signals import SEVERITIES, Severity

GROUPS = ("security", "quality", "business", "performance")


@dataclass(frozen=True)
class Wish:
    """What somebody wants to hear of: from a severity on, of one group of metrics ("" for all), and when.

    ``digest_hour``: all that came, together, once a day; None: each as it comes. Quiet hours go over midnight where
    they end before they begin; both ends are None where there are none. Hours are those of the organization's zone.
    """

    floor: Severity
    about: str = ""
    digest_hour: int | None = None
    quiet_from: time | None = None
    quiet_until: time | None = None


def check_wish(wish: Wish) -> None:
    """Raise ValueError for a severity, group or hour there is not, and for quiet hours without beginning or end."""
    if wish.floor not in SEVERITIES:
        raise ValueError(f"floor is one of {', '.join(SEVERITIES)}")
    if wish.about and wish.about not in GROUPS:
        raise ValueError(f"about is empty for everything, or one of {', '.join(GROUPS)}")
    if wish.digest_hour is not None and not 0 <= wish.digest_hour <= 23:
        raise ValueError("digest_hour is an hour of the day, 0 to 23, or null for each at once")
    if (wish.quiet_from is None) != (wish.quiet_until is None):
        raise ValueError("quiet hours need a beginning and an end")
    if wish.quiet_from is not None and wish.quiet_from == wish.quiet_until:
        raise ValueError("quiet hours that end as they begin are none")


def wants(wish: Wish, *, severity: Severity, metric: str) -> bool:
    """Say whether an insight is one that somebody wants to hear of."""
    if SEVERITIES.index(severity) < SEVERITIES.index(wish.floor):
        return False
    return not wish.about or group_of(metric) == wish.about


def group_of(metric: str) -> str:
    """Return the group of the metrics object that a metric belongs to; "" for one the registry does not have."""
    return REGISTRY[metric].path[0] if metric in REGISTRY else ""


def due(wish: Wish, *, severity: Severity, at: datetime, zone: str) -> datetime:
    """Return when an alert of this moment goes out, in UTC. Never before ``at``."""
    if severity == "critical":
        return at
    local = at.astimezone(ZoneInfo(zone))
    if wish.digest_hour is not None:
        local = _next(local, time(wish.digest_hour))
    if wish.quiet_from is not None and wish.quiet_until is not None and _is_quiet(local.time(), wish):
        local = _next(local, wish.quiet_until)
    return max(at, local.astimezone(UTC))


def _is_quiet(moment: time, wish: Wish) -> bool:
    begins, ends = wish.quiet_from, wish.quiet_until
    assert begins is not None
    assert ends is not None
    return begins <= moment < ends if begins <= ends else moment >= begins or moment < ends


def _next(local: datetime, moment: time) -> datetime:
    """Return the next time the clock on the wall shows this moment, today's included."""
    today = datetime.combine(local.date(), moment, local.tzinfo)
    return today if today >= local else datetime.combine(local.date() + timedelta(days=1), moment, local.tzinfo)
