"""Reads of reports and of what the ledger comes to now. Call inside tenant(...)."""

from __future__ import annotations

from typing import Any

from apps.organizations.models import Application
from apps.reports.models import Assumption, Report, Valuation
from apps.reports.selectors.assumptions import withdrawn_since


def valuation_of(application: Application | None) -> Valuation | None:
    """Return what the ledger came to when a worker last valued it; None before the first time."""
    return Valuation.objects.filter(application=application).first()


def find_report(public_id: str) -> Report | None:
    """Return the report of this id."""
    return Report.objects.select_related("application").filter(public_id=public_id).first()


def list_reports(*, before: int | None, limit: int, application: Application | None = None) -> list[Report]:
    """Return a page, newest first."""
    rows = Report.objects.select_related("application").defer("content", "pdf")
    if application is not None:
        rows = rows.filter(application=application)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def report_before(report: Report) -> Report | None:
    """Return the newest ready report of the same kind about an earlier period."""
    rows = Report.objects.filter(
        application=report.application, kind=report.kind, status=Report.Status.READY, since__lt=report.since
    )
    return rows.order_by("-since", "-version").first()


def withdrawals_after(content: dict[str, Any]) -> list[Assumption]:
    """Return the assumptions of a frozen report that were withdrawn since: it stays as it is, and says so."""
    found = []
    slugs = {each["application"] for each in content["assumptions"]}
    ids = dict(Application.objects.filter(slug__in=slugs).values_list("slug", "id"))
    for each in content["assumptions"]:
        if each.get("version") and each["application"] in ids:
            found.append((ids[each["application"]], each["key"], each["version"]))
    return withdrawn_since(found)
