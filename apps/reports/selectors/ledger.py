"""The ledger's rows as a book to value, and a line's way down to its conversations. Call inside tenant(...)."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.models import Experiment
from apps.ingestion.models import Conversation
from apps.organizations.models import Application, Organization
from apps.organizations.selectors import list_applications
from apps.reports.domain.ledger import Book, Row
from apps.reports.domain.months import month_of, start_of
from apps.reports.domain.roi import model as roi
from apps.reports.domain.worth import READ_WHERE_SAID, words_of
from apps.reports.models import BenefitLine, CostLine, Line
from apps.reports.selectors.assumptions import in_force, standings
from apps.reports.selectors.volumes import Volumes

_FEWEST_UPSELLS = 10


def read_book(*, organization: Organization, application: Application | None, at: datetime) -> Book:
    """Return everything that the organization's valuation, or one application's, is made of."""
    applications = [application] if application is not None else list_applications()
    rows: list[Row] = []
    assumptions: dict[str, tuple[roi.Assumption, ...]] = {}
    today: dict[str, Decimal] = {}
    not_counted: list[str] = []
    versions: dict[tuple[str, str], int] = {}
    for each in applications:
        found = rows_of(each)
        versions |= {
            (each.slug, standing.key): standing.holds.version for standing in standings(each) if standing.holds
        }
        volumes = Volumes(each, at=at)
        assumptions[each.slug] = _with_measured(in_force(each), volumes, at)
        rows += found
        today |= _today(found, volumes, at)
        not_counted += _counts_without_a_line(each, found, assumptions[each.slug], volumes, at)
    not_counted += _live()
    days = calendar.monthrange(at.year, at.month)[1]
    gone = Decimal((at - start_of(month_of(at))).days) / days
    return Book(
        currency=organization.currency, this_month=month_of(at), complete=gone, rows=tuple(rows),
        assumptions=assumptions, today=today, not_counted=tuple(not_counted),
        versions=versions,
    )  # fmt: skip


def rows_of(application: Application) -> list[Row]:
    """Return an application's rows, benefits and costs."""
    found = []
    for model in (BenefitLine, CostLine):
        for line in model.objects.filter(application=application).order_by("period", "id")[:20_000]:
            found.append(_row(application, line))
    return found


@dataclass(frozen=True)
class Evidence:
    """One conversation a line was measured on. ``exists``: its text is still here; else it was erased."""

    conversation_id: int
    session_id: str
    started_at: datetime | None
    exists: bool


def lines_of(*, source_id: str, application: Application | None = None) -> list[Line]:
    """Return every month's rows of one source, benefits first."""
    found: list[Line] = []
    for model in (BenefitLine, CostLine):
        rows = model.objects.select_related("application", "improvement").filter(source_id=source_id)
        if application is not None:
            rows = rows.filter(application=application)
        found += rows.order_by("metric", "period", "id")[:500]
    return found


def evidence_of(conversation_ids: Iterable[int]) -> list[Evidence]:
    """Return the conversations of these ids, those that are gone among them."""
    wanted = list(dict.fromkeys(conversation_ids))
    rows = {row.id: row for row in Conversation.objects.filter(id__in=wanted)}
    return [
        Evidence(each, rows[each].session_id, rows[each].started_at, exists=True)
        if each in rows
        else Evidence(each, "", None, exists=False)
        for each in wanted
    ]


def _row(application: Application, line: BenefitLine | CostLine) -> Row:
    kind = roi.CostKind(line.kind) if isinstance(line, CostLine) else None
    scope, share = (line.scope, line.share) if isinstance(line, BenefitLine) else ("", Decimal(1))
    return Row(
        application=application.slug, source_kind=line.source_kind, source_id=line.source_id, metric=line.metric,
        period=line.period, name=line.name, state=line.state, volume=line.volume, grade=line.grade,
        effect=line.effect, low=line.low, high=line.high, falls_are_gains=line.falls_are_gains,
        selected=line.selected, ongoing=line.ongoing, not_counted=line.not_counted, reach=line.reach,
        scope=scope, share=share, kind=kind,
    )  # fmt: skip


def _today(rows: Sequence[Row], volumes: Volumes, at: datetime) -> dict[str, Decimal]:
    """Return the volume a month, by line, as traffic is now: the whole traffic times the change's own share of it."""
    found = {}
    for row in rows:
        if row.metric in REGISTRY and row.ongoing and row.period == month_of(at):
            found[row.key] = volumes.a_month(row.metric) * row.reach
    return found


def _with_measured(said: tuple[roi.Assumption, ...], volumes: Volumes, at: datetime) -> tuple[roi.Assumption, ...]:
    """Add what the data itself says where nobody said otherwise: what an upsell brought on average."""
    if any(each.key == "upsell_value" for each in said):
        return said
    since = start_of(month_of(at))
    until = at.replace(hour=0, minute=0, second=0, microsecond=0)
    for begins in (since, start_of(_year_before(at))):
        business = volumes.metrics(begins, until)["business"] if until > begins else {}
        average, n = business.get("average_upsell_value"), business.get("average_upsell_value_n") or 0
        if average is not None and n >= _FEWEST_UPSELLS:
            value = Decimal(str(average))
            measured = roi.Assumption(
                "upsell_value", value, value, value, "money each", f"rollups, n {n:,}", roi.Source.MEASURED
            )
            return (*said, measured)
    return said


def _counts_without_a_line(
    application: Application, rows: Sequence[Row], said: tuple[roi.Assumption, ...], volumes: Volumes, at: datetime
) -> list[str]:
    """Say what happened this month that no line stands for, and what would have to be known for one."""
    until = at.replace(hour=0, minute=0, second=0, microsecond=0)
    since = start_of(month_of(at))
    if until <= since:
        return []
    business = volumes.metrics(since, until)["business"]
    known, lines = {each.key for each in said}, {row.metric for row in rows}
    found = []
    for name, metric, words in (("enterprise_leads", "enterprise_leads", "enterprise leads"),
                                ("churn_prevented", "churn_rate", "customers retained at 30 days")):  # fmt: skip
        value = READ_WHERE_SAID[metric]
        if not business.get(name) or (value in known and metric in lines):
            continue
        why = "nothing decided says what they are due to"
        if value not in known:
            why = f"no change is credited with any, as nobody has said {value}: {words_of(value)}"
        found.append(f"{application.name}: {business[name]:,} {words} this month; {why}")
    return found


def _live() -> list[str]:
    rows = Experiment.objects.filter(state__in=Experiment.LIVE).order_by("id")[:20]
    return [f"{row.name}: not decided; it enters when it is, whatever it says" for row in rows]


def _year_before(at: datetime) -> str:
    return f"{at.year - 1:04d}-{at.month:02d}"
