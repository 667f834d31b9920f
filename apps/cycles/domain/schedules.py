"""When the wheel turns: words or a cron line, in an organization's zone, with the clock changes a zone has."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_WORDS = {"hourly": "0 * * * *", "daily": "0 2 * * *", "weekly": "0 2 * * 1"}
_DAILY_AT = re.compile(r"daily at (\d{1,2})(?::(\d{2}))?\s*(am|pm)?", re.IGNORECASE)
_SHORTEST = timedelta(minutes=15)


class BadSchedule(ValueError):
    """The words name no schedule; the message says what would."""


def parse_schedule(text: str) -> str:
    """Return the cron line (five fields) that the words mean. Raises BadSchedule.

    ``hourly``; ``daily`` (at 2:00); ``weekly`` (Monday at 2:00); ``daily at 2:00 AM``; ``daily at 14:30``; or five
    cron fields. Times are in the organization's zone. Nothing turns more often than every 15 minutes.
    """
    words = " ".join(text.split())
    cron = _WORDS.get(words.lower()) or _daily(words) or words
    try:
        runs = CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC))
        first, second = next(runs), next(runs)
    except (CronSimError, StopIteration) as error:
        raise BadSchedule(
            f'{text!r} is no schedule; say daily, hourly, weekly, "daily at 2:00 AM" or a cron line such as "0 2 * * *"'
        ) from error
    if len(cron.split()) != 5 or second - first < _SHORTEST:
        raise BadSchedule(f"{text!r} would turn more often than every {_SHORTEST.seconds // 60} minutes")
    return cron


def next_slot(cron: str, zone: str, after: datetime) -> datetime:
    """Return the first slot after a moment, in UTC. A time the clock change skips comes as soon as it is over."""
    slot: datetime = next(CronSim(cron, after.astimezone(ZoneInfo(zone))))
    return slot.astimezone(UTC)


def last_slot(cron: str, zone: str, until: datetime) -> datetime:
    """Return the last slot that is not after a moment, in UTC."""
    # One second on, so that a slot falling on the moment itself is found too.
    backwards = CronSim(cron, (until + timedelta(seconds=1)).astimezone(ZoneInfo(zone)), reverse=True)
    slot: datetime = next(backwards)
    return slot.astimezone(UTC)


def _daily(words: str) -> str | None:
    match = _DAILY_AT.fullmatch(words)
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return f"{minute} {hour} * * *" if hour < 24 and minute < 60 else None
