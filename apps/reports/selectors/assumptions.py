"""Reads of assumptions: which are in force, which wait, which were withdrawn. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from apps.organizations.models import Application
from apps.reports.domain.roi import model as roi
from apps.reports.domain.worth import DEFAULT_OWNER, DEFAULT_SOURCE, KNOWN
from apps.reports.models import Assumption

State = Assumption.State


@dataclass(frozen=True)
class Standing:
    """Where a key stands: what holds (None: nothing), what waits for approval, and the last word about it.

    ``holds`` is the newest approved version; where none ever was, the newest proposed one, which is then not approved.
    """

    key: str
    holds: Assumption | None
    waits: Assumption | None
    newest: Assumption


def standings(application: Application) -> list[Standing]:
    """Return where every key stands that somebody has said something of, by key."""
    rows = Assumption.objects.filter(application=application).order_by("key", "version")
    found: dict[str, list[Assumption]] = {}
    for row in rows[:5000]:
        found.setdefault(row.key, []).append(row)
    return [_standing(key, versions) for key, versions in found.items()]


def history_of(application: Application, key: str) -> list[Assumption]:
    """Return every version of a key, newest first."""
    return list(Assumption.objects.filter(application=application, key=key).order_by("-version")[:200])


def in_force(application: Application) -> tuple[roi.Assumption, ...]:
    """Return what holds, by key: what people said, and the method's defaults where they said nothing."""
    said = {each.key: _as_value(each.holds) for each in standings(application) if each.holds is not None}
    return tuple(value for _, value in sorted({**_defaults(), **said}.items()))


def withdrawn_since(used: Iterable[tuple[int, str, int]]) -> list[Assumption]:
    """Return the withdrawals of assumptions a report used, given as (application id, key, version)."""
    found = []
    for application_id, key, version in used:
        last = Assumption.objects.filter(application_id=application_id, key=key).order_by("-version").first()
        if last is not None and last.state == State.WITHDRAWN and last.version > version:
            found.append(last)
    return found


def _standing(key: str, versions: list[Assumption]) -> Standing:
    newest = versions[-1]
    since = max((place for place, row in enumerate(versions) if row.state == State.WITHDRAWN), default=-1) + 1
    alive = versions[since:]
    approved = [row for row in alive if row.state == State.APPROVED]
    proposed = [row for row in alive if row.state == State.PROPOSED]
    holds = approved[-1] if approved else proposed[-1] if proposed else None
    waits = newest if newest.state == State.PROPOSED else None
    return Standing(key, holds, waits, newest)


def _as_value(row: Assumption) -> roi.Assumption:
    return roi.Assumption(
        key=row.key, low=row.low, mode=row.mode, high=row.high, unit=row.unit, owner=row.owner,
        source=roi.Source(row.source), valid_from=row.valid_from, approved_by=row.approved_by or None,
    )  # fmt: skip


def _defaults() -> dict[str, roi.Assumption]:
    found = {}
    for known in KNOWN.values():
        if known.default is not None:
            low, mode, high = map(Decimal, known.default)
            found[known.key] = roi.Assumption(
                known.key, low, mode, high, known.unit, DEFAULT_OWNER, DEFAULT_SOURCE
            )  # fmt: skip
    return found
