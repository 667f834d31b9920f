"""Assumptions: said, approved, withdrawn. Each is a new row; none is ever changed. Call inside tenant(...)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from apps.organizations.models import Application
from apps.organizations.services import record_audit
from apps.platform import work
from apps.reports.domain.roi.fields import KEY, NOT_NEGATIVE
from apps.reports.domain.roi.model import Source
from apps.reports.domain.worth import KNOWN, SHARES
from apps.reports.models import Assumption

State = Assumption.State
_VALUE_OF = re.compile(r"value_of_[a-z0-9_]{1,40}")


class BadAssumption(ValueError):
    """What was said cannot be an assumption; ``faults`` are (field, what is wrong with it)."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{field}: {words}" for field, words in faults))


class NotNow(Exception):
    """The assumption has been approved, withdrawn or said anew meanwhile; says what it is now."""


@dataclass(frozen=True)
class Said:
    """What somebody says of one number."""

    key: str
    low: Decimal
    mode: Decimal
    high: Decimal
    unit: str
    owner: str
    source: str
    valid_from: date
    note: str = ""


def check(said: Said) -> None:
    """Raise BadAssumption with everything that is wrong."""
    faults = []
    if not KEY.fullmatch(said.key) or not (said.key in KNOWN or _VALUE_OF.fullmatch(said.key)):
        faults.append(("key", f"is one of {', '.join(sorted(KNOWN))}, or value_of_ and a metric's name"))
    if not said.low <= said.mode <= said.high:
        faults.append(("mode", "low ≤ mode ≤ high does not hold"))
    least, most = NOT_NEGATIVE
    most = Decimal(1) if said.key in SHARES else most / 1000
    if not (said.low.is_finite() and least <= said.low and said.high <= most):
        faults.append(("low", f"lies between {least} and {most:f}" + (" (30 % is 0.3)" if said.key in SHARES else "")))
    if said.source not in list(Source):
        faults.append(("source", f"is one of {', '.join(Source)}"))
    for name, value, longest in (("unit", said.unit, 60), ("owner", said.owner, 254)):
        if not value.strip() or len(value) > longest:
            faults.append((name, f"is a text of 1 to {longest} characters"))
    if len(said.note) > 500:
        faults.append(("note", "has at most 500 characters"))
    if faults:
        raise BadAssumption(faults)


def say(*, application: Application, said: Said, at: datetime, actor: str, approve: bool = False) -> Assumption:
    """Propose a number, or approve it at once. Saying what is so already changes nothing. Raises BadAssumption."""
    check(said)
    newest = newest_of(application, said.key)
    state = State.APPROVED if approve else State.PROPOSED
    if newest is not None and _same(newest, said) and newest.state in (state, State.APPROVED):
        return newest
    return _append(
        application,
        newest,
        said,
        state,
        at=at,
        actor=actor,
        action="assumption.said",
        approver=actor if approve else "",
    )


def approve(*, application: Application, key: str, version: int, at: datetime, actor: str) -> Assumption:
    """Approve what was proposed. Raises NotNow where another version has been said since."""
    newest = _at(application, key, version)
    if newest.state == State.APPROVED:
        return newest
    if newest.state != State.PROPOSED:
        raise NotNow(f"{key} is {newest.state}: say it anew.")
    return _append(
        application, newest, _said(newest), State.APPROVED, at=at, actor=actor, action="assumption.approved",
        approver=actor,
    )  # fmt: skip


def withdraw(
    *, application: Application, key: str, version: int, at: datetime, actor: str, why: str = ""
) -> Assumption:
    """Take an assumption back. Reports that used it stay as they are, and say so. Raises NotNow."""
    newest = _at(application, key, version)
    if newest.state == State.WITHDRAWN:
        return newest
    return _append(
        application, newest, _said(newest, note=why[:500]), State.WITHDRAWN, at=at, actor=actor,
        action="assumption.withdrawn", approver="",
    )  # fmt: skip


def newest_of(application: Application, key: str) -> Assumption | None:
    """Return the last row about a key."""
    return Assumption.objects.filter(application=application, key=key).order_by("-version").first()


def _at(application: Application, key: str, version: int) -> Assumption:
    newest = newest_of(application, key)
    if newest is None or newest.version < version:
        raise NotNow(f"Nobody has said {key} yet.")
    if newest.version != version:
        raise NotNow(f"{key} has a version {newest.version} since; look at it first.")
    return newest


def _append(
    application: Application,
    newest: Assumption | None,
    said: Said,
    state: str,
    *,
    at: datetime,
    actor: str,
    action: str,
    approver: str,
) -> Assumption:
    version = (newest.version if newest else 0) + 1
    try:
        with transaction.atomic():
            made: Assumption = Assumption.objects.create(
                organization_id=application.organization_id, application=application, version=version, state=state,
                said_by=actor, said_at=at, approved_by=approver, **vars(said),
            )  # fmt: skip
    except IntegrityError as error:
        raise NotNow(f"{said.key} was said anew just now; look at it first.") from error
    record_audit(
        organization_id=application.organization_id, at=at, actor=actor, action=action, subject=said.key,
        application=application.slug, version=version, mode=str(said.mode),
    )  # fmt: skip
    work.ask("reports.fill", organization_id=application.organization_id, key="ledger")
    return made


def _said(row: Assumption, *, note: str | None = None) -> Said:
    return Said(
        key=row.key, low=row.low, mode=row.mode, high=row.high, unit=row.unit, owner=row.owner, source=row.source,
        valid_from=row.valid_from, note=row.note if note is None else note,
    )  # fmt: skip


def _same(row: Assumption, said: Said) -> bool:
    return _said(row, note=said.note) == said
