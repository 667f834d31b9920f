"""What GET /comparisons puts side by side (periods, versions, variants, arms, applications) and how that is said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Kind = Literal["period", "prompt_version", "variant", "agent", "channel", "model", "application", "arm"]
# A side is KIND:VALUE; these kinds are columns of a conversation's fact.
COLUMNS: tuple[Kind, ...] = ("prompt_version", "variant", "agent", "channel", "model")
_KINDS: tuple[Kind, ...] = ("period", *COLUMNS, "application", "arm")
_PERIOD = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")
_LONGEST_PERIOD = 400


class BadSide(ValueError):
    """What is wrong with a side of a comparison."""


@dataclass(frozen=True)
class Side:
    """One side. ``since`` and ``until`` (both days included) are set for a period, ``value`` for everything else."""

    kind: Kind
    value: str
    since: date | None = None
    until: date | None = None

    @property
    def days(self) -> int:
        """How many days a period has; 0 for what is none."""
        return (self.until - self.since).days + 1 if self.since and self.until else 0


def read_side(text: str, name: str) -> Side:
    """Return the side that ``text`` names; ``name`` (a or b) goes into the message.

    ``2026-11-01..2026-11-07`` and ``period:…`` are periods; else ``KIND:VALUE`` with a kind of this file. An arm is
    ``arm:EXPERIMENT:VARIANT``. Raises BadSide.
    """
    kind, _, value = text.partition(":")
    if _PERIOD.fullmatch(text):
        kind, value = "period", text
    if kind not in _KINDS or not value or len(value) > 200 or "\x00" in value:
        raise BadSide(
            f"`{name}` is a period (2026-11-01..2026-11-07) or KIND:VALUE, where KIND is one of {', '.join(_KINDS)}."
        )
    if kind != "period":
        return Side(kind, value)
    return _period(value, name)


def check_sides(a: Side, b: Side) -> None:
    """Raise BadSide for two sides that cannot be compared with one another."""
    if a.kind != b.kind:
        raise BadSide(f"a is a {a.kind} and b a {b.kind}: both sides are of one kind.")
    if a == b:
        raise BadSide("a and b are the same: there is nothing to compare.")
    if a.kind == "arm" and a.value.partition(":")[0] != b.value.partition(":")[0]:
        raise BadSide("arms are compared within one experiment.")
    if a.since and a.until and b.since and b.until and a.since <= b.until and b.since <= a.until:
        raise BadSide("the periods overlap: their conversations would stand on both sides.")


def _period(value: str, name: str) -> Side:
    matched = _PERIOD.fullmatch(value)
    try:
        since, until = (date.fromisoformat(part) for part in matched.groups()) if matched else (None, None)
    except ValueError:
        since = until = None
    if since is None or until is None or until < since or until - since >= timedelta(days=_LONGEST_PERIOD):
        raise BadSide(f"`{name}`: a period is two dates, FIRST..LAST, both included, at most {_LONGEST_PERIOD} days.")
    return Side("period", value, since, until)
