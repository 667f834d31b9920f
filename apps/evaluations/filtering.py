"""Filters as a query string says them: for the API and the portal alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime

from apps.evaluations.selectors.filters import KNOWN, Filters
from apps.platform import clock

TEXTS = (
    "agent", "channel", "variant", "prompt_version", "model", "environment", "tag", "topic", "pattern", "finding",
    "upsell", "churn", "q",
)  # fmt: skip
FLAGS = ("escalated", "enterprise_lead", "attacked")
NUMBERS = ("min_risk", "max_quality", "max_value")
NAMES = ("since", "until", "outcome", "known", *NUMBERS, *FLAGS, *TEXTS)
OUTCOMES = ("blocked", "succeeded", "unclear")
_LONGEST = 200
_LARGEST = 1e12


class BadFilter(ValueError):
    """A filter has a value it cannot have; ``code`` is stable, the message is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def parse_filters(query: Mapping[str, Any], *, application_id: int | None) -> Filters:
    """Return the filters a query string asks for; empty values do not filter. Raises BadFilter.

    A date as ``until`` includes that day.
    """
    filters = Filters(
        application_id=application_id,
        since=parse_time(query.get("since"), "since"),
        until=parse_time(query.get("until"), "until"),
        outcome=_outcome(query.get("outcome")),
        known=_known(query.get("known")),
    )
    named: dict[str, Any] = {name: _number(query.get(name), name) for name in NUMBERS}
    named |= {name: _flag(query.get(name), name) for name in FLAGS}
    named |= {name: _text(query[name], name) for name in TEXTS if query.get(name)}
    return replace(filters, **named)


def parse_time(text: str | None, name: str) -> datetime | None:
    """Return the moment a date or an ISO time means; a date as ``until`` is the end of that day. Raises BadFilter."""
    if not text:
        return None
    try:
        day: date | None = parse_date(text) if len(text) <= 10 else None
        moment: datetime | None = None if day else parse_datetime(text)
        if day is not None:
            start = datetime.combine(day, time(), UTC)
            moment = start + timedelta(days=1) if name == "until" else start
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise BadFilter("bad_time", f"`{name}` must be a date or an ISO 8601 time.")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not clock.is_usable(moment):
        raise BadFilter("bad_time", f"`{name}` lies outside the years 2 to 9900.")
    return moment


def _number(text: str | None, name: str) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError as error:
        raise BadFilter("bad_number", f"`{name}` must be a number.") from error
    if value is not None and not abs(value) < _LARGEST:  # which also refuses what is not a number
        raise BadFilter("bad_number", f"`{name}` must be a number below a million million.")
    return value


def _flag(text: str | None, name: str) -> bool | None:
    if not text:
        return None
    if text.lower() not in {"true", "false"}:
        raise BadFilter("bad_flag", f"`{name}` is true or false.")
    return text.lower() == "true"


def _outcome(text: str | None) -> str | None:
    if text and text not in OUTCOMES:
        raise BadFilter("bad_outcome", f"`outcome` is one of {', '.join(OUTCOMES)}.")
    return text or None


def _known(text: str | None) -> str | None:
    if text and text not in KNOWN:
        raise BadFilter("bad_known", f"`known` is one of {', '.join(KNOWN)}.")
    return text or None


def _text(text: str, name: str) -> str:
    if "\x00" in text:
        raise BadFilter("bad_text", f"`{name}` holds a NUL.")
    return text[:_LONGEST]
