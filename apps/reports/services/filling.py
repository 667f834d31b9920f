"""The ledger fills itself: each decided change writes its lines, whatever it did. As often as anybody likes.

Rows are computed anew from experiments, facts, rollups and assumptions, and put under their natural keys; what is no
longer so is removed. A worker does it after each decision, each cycle's Measure and each change of an assumption.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model

from apps.organizations.models import Application, Organization
from apps.organizations.selectors import list_applications
from apps.platform import work
from apps.reports.domain.findings import Decided, Finding
from apps.reports.domain.months import between, end_of, month_of, start_of
from apps.reports.domain.roi.model import CostKind, Grade
from apps.reports.domain.worth import SPENDINGS, worth_of
from apps.reports.models import Assumption, BenefitLine, CostLine
from apps.reports.selectors.assumptions import in_force
from apps.reports.selectors.effects import decided_experiments
from apps.reports.selectors.untried import decided_without_trial
from apps.reports.selectors.volumes import Volumes
from apps.reports.services.claiming import claim_all

_ENDLESS = "ledger"
Key = tuple[str, str, str, str]


def ask_to_fill(*, organization_id: int) -> None:
    """Have the organization's ledger filled by a worker when this commits."""
    work.ask("reports.fill", organization_id=organization_id, key=_ENDLESS)


def fill(*, organization: Organization, at: datetime) -> None:
    """Write every application's lines and claims. Call inside tenant(...), as one worker at a time does."""
    for application in list_applications():
        fill_one(organization=organization, application=application, at=at)


def fill_one(*, organization: Organization, application: Application, at: datetime) -> None:
    """Write one application's lines and claims. Call inside tenant(...)."""
    volumes = Volumes(application, at=at)
    benefits: dict[Key, dict[str, Any]] = {}
    costs: dict[Key, dict[str, Any]] = {}
    for decided in (*decided_experiments(application, at=at), *decided_without_trial(application, at=at)):
        for finding in decided.findings:
            for written in _lines(decided, finding, volumes, at):
                (costs if written.is_cost else benefits)[written.key] = written.values
    for written in _spendings(application, at):
        costs[written.key] = written.values
    _put(BenefitLine, organization, application, benefits, at)
    _put(CostLine, organization, application, costs, at)
    claim_all(organization=organization, application=application)


@dataclass(frozen=True)
class _Written:
    key: Key
    values: dict[str, Any]
    is_cost: bool = False


def _lines(decided: Decided, finding: Finding, volumes: Volumes, at: datetime) -> Iterator[_Written]:
    """Yield a change's lines on one metric: a month each while it holds, else one for those it was tried on."""
    for period, volume, ongoing in _stretches(decided, finding, volumes, at):
        values: dict[str, Any] = {
            "improvement_id": decided.improvement_id, "name": decided.name[:200], "state": decided.state,
            "grade": (worth_of(finding.metric).grade or finding.grade).value, "effect": finding.effect,
            "low": finding.low, "high": finding.high, "falls_are_gains": finding.falls_are_gains,
            "selected": finding.selected, "n": finding.n, "volume": volume, "reach": finding.reach, "ongoing": ongoing,
            "evidence": list(finding.evidence), "not_counted": finding.why, "decided_at": decided.decided_at,
        }  # fmt: skip
        key = (decided.source_kind, decided.source_id, finding.metric, period)
        kind = _cost_kind(decided, finding)
        if kind is not None:
            yield _Written(key, values | {"kind": kind.value, "selected": False}, is_cost=True)
        else:
            scope = decided.scope if decided.holds_from is not None else decided.trial
            yield _Written(key, values | {"scope": scope[:120]})


def _stretches(
    decided: Decided, finding: Finding, volumes: Volumes, at: datetime
) -> Iterator[tuple[str, Decimal, bool]]:
    """Yield (month, volume, whether it goes on): of a change that holds, each month's share of the traffic it touches.

    Counted is what came after the decision, in whole days. Those it was tried on before are not counted again.
    """
    if decided.holds_from is None:
        yield month_of(decided.decided_at), finding.treated, False
        return
    until = min(at, decided.held_until or at)
    last = max(month_of(until), month_of(decided.holds_from))
    for month in between(month_of(decided.holds_from), last):
        since, end = max(decided.holds_from, start_of(month)), min(_midnight(until), end_of(month))
        volume = volumes.counted(finding.metric, since, end) * finding.reach
        yield month, volume, decided.held_until is None


def _cost_kind(decided: Decided, finding: Finding) -> CostKind | None:
    if worth_of(finding.metric).grade is Grade.ESTIMATE:
        # An estimate, better or worse, stands in the band of its own.
        return None
    if decided.is_regression(finding):
        return CostKind.REGRESSION
    dearer = finding.metric == "cost_per_conversation" and finding.gain is not None and finding.gain < 0
    return CostKind.TOKENS if dearer else None


def _spendings(application: Application, at: datetime) -> Iterator[_Written]:
    """Yield the hours, licences and calls that assumptions tell, a line a month since they hold."""
    known = {each.key for each in in_force(application)}
    for spending in SPENDINGS:
        first = (
            Assumption.objects.filter(application=application, key__in=spending.needs).order_by("valid_from").first()
        )
        if first is None or spending.key not in known:
            continue
        begins = f"{first.valid_from:%Y-%m}"
        months = [begins] if spending.key == "setup_hours" else between(begins, max(begins, month_of(at)))
        for month in months[-60:]:
            values = {
                "improvement_id": None, "name": spending.label, "state": "", "grade": "", "kind": spending.kind.value,
                "volume": Decimal(1), "ongoing": spending.key != "setup_hours", "decided_at": start_of(month),
            }  # fmt: skip
            yield _Written(("assumption", spending.key, "", month), values, is_cost=True)


def _put(
    model: type[BenefitLine] | type[CostLine],
    organization: Organization,
    application: Application,
    wanted: dict[Key, dict[str, Any]],
    at: datetime,
) -> None:
    rows: list[Model] = []
    for (kind, source, metric, period), values in wanted.items():
        rows.append(
            model(organization_id=organization.id, application=application, source_kind=kind, source_id=source,
                  metric=metric, period=period, written_at=at, **values)
        )  # fmt: skip
    natural = ["organization", "application", "source_kind", "source_id", "metric", "period"]
    mutable = [
        field.attname for field in model._meta.concrete_fields
        if field.name not in ("id", "share", *natural)
    ]  # fmt: skip
    if rows:
        model.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=natural, update_fields=mutable, batch_size=500
        )
    kept = model.objects.filter(application=application).values_list(
        "id", "source_kind", "source_id", "metric", "period"
    )
    model.objects.filter(id__in=[row for row, *key in kept if tuple(key) not in wanted]).delete()


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
