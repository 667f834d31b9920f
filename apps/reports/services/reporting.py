"""Reports: asked for, written by a worker, frozen. Call inside tenant(...)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from apps.organizations.models import Application, Organization
from apps.organizations.services import record_audit
from apps.platform import outbox, work
from apps.platform.identifiers import new_identifier
from apps.reports.domain.comparing import about_period, beside
from apps.reports.domain.content import Content, digest
from apps.reports.domain.periods import Period
from apps.reports.models import Report
from apps.reports.selectors.reports import report_before
from apps.reports.services.filling import fill
from apps.reports.services.valuing import compute

Status = Report.Status
_TRIES = 5


def ask(
    *, organization: Organization, application: Application | None, period: Period, at: datetime, actor: str
) -> Report:
    """Ask for a report: a new version of its period. A worker writes it."""
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return _make(organization, application, period, _next(application, period), at, actor)
        except IntegrityError:
            continue
    raise RuntimeError("somebody else keeps asking for this report")


def ask_once(*, organization: Organization, period: Period, at: datetime, actor: str) -> Report:
    """Ask for the report of a period unless it has been asked for: the schedule's way."""
    rows = Report.objects.filter(application=None, kind=period.kind, period=period.name)
    found: Report | None = rows.order_by("version").first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return _make(organization, None, period, 1, at, actor)
    except IntegrityError:
        first: Report = rows.get(version=1)
        return first


def write(*, organization: Organization, report_id: str, at: datetime) -> None:
    """Fill the ledger, value it, and freeze the report; one that is ready stays as it is. Workers only."""
    report = (
        Report.objects.select_for_update(of=("self",)).select_related("application").filter(public_id=report_id).first()
    )
    if report is None or report.status == Status.READY:
        return
    fill(organization=organization, at=at)
    content = compute(organization=organization, application=report.application, at=at)
    freeze(report, content, at=at, organization=organization.name)
    outbox.emit(
        "report.ready", key=report.public_id, at=at, summary=f"The report of {report.period} is ready.",
        path=f"/roi/reports/{report.public_id}/",
        payload={
            "report": report.public_id, "kind": report.kind, "period": report.period, "version": report.version,
            "application": report.application.slug if report.application else None, "sha256": report.sha256,
        },
    )  # fmt: skip
    if report.kind != Report.Kind.ON_DEMAND:
        work.ask("reports.mail", organization_id=organization.id, key=report.public_id)


def freeze(report: Report, content: Content, *, at: datetime, organization: str) -> None:
    """Put the content into the report, with what its period brought, how it stands beside the one before, its pages."""
    # Fonts and drawing are the workers' libraries: whoever merely imports this module does not load them.
    from apps.reports.printing.document import print_report

    period = Period(report.kind, report.period, report.since, report.until)
    before = report_before(report)
    whole: dict[str, Any] = content | {
        "id": report.public_id,
        "version": report.version,
        "application": report.application.slug if report.application else None,
        "period": about_period(content, period, complete=report.until <= at),
        "before": beside(
            content, period, before.content if before else None, before_id=before.public_id if before else ""
        ),
    }
    report.content, report.sha256 = whole, digest(whole)
    report.status, report.frozen_at = Status.READY, at
    report.pdf = print_report(report, organization=organization)
    report.save()


def mark_failed(*, report_id: str) -> None:
    """Say that a report could not be written."""
    Report.objects.filter(public_id=report_id, status=Status.WAITING).update(status=Status.FAILED)


def _next(application: Application | None, period: Period) -> int:
    rows = Report.objects.filter(application=application, kind=period.kind, period=period.name)
    newest = rows.order_by("-version").first()
    return newest.version + 1 if newest else 1


def _make(
    organization: Organization, application: Application | None, period: Period, version: int, at: datetime, actor: str
) -> Report:
    made: Report = Report.objects.create(
        organization_id=organization.id, public_id=new_identifier("r"), application=application, kind=period.kind,
        period=period.name, version=version, since=period.since, until=period.until, asked_by=actor, asked_at=at,
    )  # fmt: skip
    record_audit(
        organization_id=organization.id, at=at, actor=actor, action="report.asked", subject=made.public_id,
        kind=period.kind, period=period.name,
    )  # fmt: skip
    work.ask("reports.write", organization_id=organization.id, key=made.public_id)
    return made
