"""What is said of a model and of reports over the API, read; refused with everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.platform.api.problems import Problem
from apps.reports.domain.periods import BadPeriod, Period, days, last_ended, month, quarter_of
from apps.reports.domain.worth import KNOWN
from apps.reports.services.assumptions import BadAssumption, Said

_FIELDS = {"key", "low", "mode", "high", "value", "unit", "owner", "source", "valid_from", "note", "approved"}
_MOST = 100


def read_assumptions(body: Any, *, at: datetime) -> list[tuple[Said, bool]]:
    """Return what is said and whether it is approved with it. Raises a 422 problem naming every fault."""
    if not isinstance(body, dict) or set(body) - {"assumptions", "currency"}:
        raise Problem(422, "bad_model", 'Send {"assumptions": [...]}, and "currency" where there is none yet.')
    rows = body.get("assumptions", [])
    if not isinstance(rows, list) or len(rows) > _MOST:
        raise Problem(422, "bad_model", f"assumptions is a list of at most {_MOST}.")
    found, faults = [], []
    for place, row in enumerate(rows):
        try:
            found.append(_assumption(row, at))
        except BadAssumption as error:
            faults += [{"field": f"assumptions[{place}].{name}", "detail": words} for name, words in error.faults]
    if faults:
        raise bad_model(faults)
    return found


def bad_model(faults: list[dict[str, str]]) -> Problem:
    """Return the problem that names what is wrong with a model."""
    words = "; ".join(f"{each['field']} {each['detail']}" for each in faults[:5])
    return Problem(422, "bad_model", words, faults=faults)


def read_period(body: Any, *, at: datetime) -> Period:
    """Return the period a report is asked for: by default the month under way, until now. Raises a 422 problem."""
    if not isinstance(body, Mapping) or set(body) - {"application", "kind", "period", "since", "until"}:
        raise Problem(422, "bad_report", "Send application, kind, period, since, until; each is optional.")
    kind, name = body.get("kind", "on_demand"), body.get("period")
    try:
        if kind == "on_demand":
            return days(_midnight(body.get("since"), at.replace(day=1)), _until(body.get("until"), at))
        if kind in ("monthly", "quarterly"):
            return last_ended(kind, at) if name is None else _named(kind, str(name))
    except (BadPeriod, ValueError) as error:
        raise Problem(422, "bad_report", str(error)) from error
    raise Problem(422, "bad_report", "kind is monthly, quarterly or on_demand.")


def _named(kind: str, name: str) -> Period:
    if kind == "monthly" and len(name) == 7:
        datetime.strptime(name, "%Y-%m").replace(tzinfo=UTC)
        return month(name)
    if kind == "quarterly" and len(name) == 7 and name[4:6] == "-Q" and name[:4].isdecimal() and name[6] in "1234":
        return quarter_of(f"{name[:4]}-{int(name[6]) * 3:02d}")
    raise BadPeriod("period is written 2026-11, or 2026-Q4 for a quarter")


def _midnight(given: Any, default: datetime) -> datetime:
    if given is None:
        return default.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = _day(given)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _until(given: Any, at: datetime) -> datetime:
    # The last day is included.
    return _midnight(given, at) + timedelta(days=1)


def _day(given: Any) -> date:
    try:
        day = date.fromisoformat(str(given)[:40])
    except ValueError as error:
        raise BadPeriod(f"{str(given)[:40]!r} is no date, such as 2026-11-01") from error
    if not 1990 <= day.year <= 2200:
        raise BadPeriod("a report is about days between 1990 and 2200")
    return day


def _assumption(row: Any, at: datetime) -> tuple[Said, bool]:
    if not isinstance(row, dict):
        raise BadAssumption([("", "is an object")])
    if unknown := set(row) - _FIELDS:
        raise BadAssumption([(min(unknown), f"is no field; there are {', '.join(sorted(_FIELDS))}")])
    key = _text(row, "key")
    known = KNOWN.get(key)
    mode = _number(row, "mode" if "mode" in row else "value")
    try:
        valid_from = _day(row["valid_from"]) if "valid_from" in row else at.astimezone(UTC).date()
    except BadPeriod as error:
        raise BadAssumption([("valid_from", str(error))]) from error
    said = Said(
        key=key, low=_number(row, "low", mode), mode=mode, high=_number(row, "high", mode),
        unit=_text(row, "unit") or (known.unit if known else "money each"), owner=_text(row, "owner"),
        source=_text(row, "source"), valid_from=valid_from, note=_text(row, "note"),
    )  # fmt: skip
    return said, row.get("approved") is True


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name, "")
    if not isinstance(value, str) or "\x00" in value:
        raise BadAssumption([(name, "is a text")])
    return value


def _number(row: Mapping[str, Any], name: str, default: Decimal | None = None) -> Decimal:
    value = row.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadAssumption([(name, "is a number")])
    try:
        found = Decimal(str(value)[:40])
    except InvalidOperation as error:
        raise BadAssumption([(name, "is a number")]) from error
    if not found.is_finite():
        raise BadAssumption([(name, "is a number")])
    return found
