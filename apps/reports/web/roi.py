"""The return on the wheel: what it very likely exceeds, what it is made of, and reports that froze it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.organizations.models import Membership
from apps.organizations.web.access import WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before
from apps.reports.domain.periods import days, last_ended, named
from apps.reports.models import Report
from apps.reports.printing.files import FORMS, render
from apps.reports.selectors.reports import find_report, list_reports, valuation_of, withdrawals_after
from apps.reports.services import reporting
from apps.reports.web.showing import show_before, show_content, show_period

_PAGE = 30
_A_DAY = timedelta(days=1)
ASKERS = WORKERS | {Membership.Role.EXECUTIVE}


@require_safe
@portal_page()
def landing(request: HttpRequest, access: Access) -> HttpResponse:
    """Send a person who has just signed in to what they look at first."""
    return redirect("roi" if access.role == Membership.Role.EXECUTIVE else "home")


@require_safe
@portal_page()
def roi(request: HttpRequest, access: Access) -> HttpResponse:
    """Show what the ledger comes to now."""
    value = valuation_of(access.application)
    context: dict[str, Any] = {
        "as_of": value.computed_at if value else None,
        "content": show_content(value.content, access) if value else None,
        "reports_url": page_url("roi_reports", access),
        "assumptions_url": page_url("roi_assumptions", access),
        "empty": {
            "title": "Nothing has been valued yet",
            "text": "The ledger fills itself when an experiment, a rollout or a change for everybody is decided, and "
            "with each cycle. What an hour, an escalation or a customer is worth is said under Assumptions.",
            "action": {"label": "Assumptions", "url": page_url("roi_assumptions", access)},
        },
    }
    return TemplateResponse(request, "portal/roi.html", context)


@portal_page()
def reports(request: HttpRequest, access: Access) -> HttpResponse:
    """List reports; ask for one."""
    if request.method == "POST":
        access.require(ASKERS)
        kind = request.POST.get("kind", "on_demand")
        if kind not in Report.Kind.values:
            raise BadRequest("There is no such kind of report.")
        now = access.now
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        period = days(today.replace(day=1), today + _A_DAY) if kind == "on_demand" else last_ended(kind, now)
        made = reporting.ask(
            organization=access.organization, application=access.application, period=period, at=now, actor=access.actor
        )
        messages.success(request, "Asked for. A worker writes it.")
        return redirect("roi_report", report_id=made.public_id)
    before = read_before(request)
    found = list_reports(before=before, limit=_PAGE + 1, application=access.application)
    page, pager = cut_page(found, _PAGE, "roi_reports", access, before=before)
    context = {
        "rows": [_row(each) for each in page],
        "page": pager,
        "ask_url": page_url("roi_reports", access) if access.may(ASKERS) else None,
        "crumbs": [{"label": "ROI", "url": page_url("roi", access)}],
        "empty": {
            "title": "No report yet",
            "text": "Each month and quarter has one once the ledger is filled; or ask for one of this month until now.",
        },
    }
    return TemplateResponse(request, "portal/roi_reports.html", context)


@require_safe
@portal_page()
def report(request: HttpRequest, access: Access, report_id: str) -> HttpResponse:
    """Show a frozen report, or that it is being written; the page that waits asks here until it is not."""
    found = _find(report_id)
    if request.headers.get("HX-Request"):
        # Nothing new leaves the page as it is; what is ready has charts and a title of its own, so it is loaded whole.
        waits = found.status == Report.Status.WAITING
        return HttpResponse(status=204) if waits else HttpResponse(headers={"HX-Refresh": "true"})
    content = found.content
    context: dict[str, Any] = {
        "report": _row(found) | {"sha256": found.sha256, "frozen_at": found.frozen_at, "asked_by": found.asked_by},
        "content": show_content(content, access) if content else None,
        "period": show_period(content) if content else None,
        "before": show_before(content) if content else None,
        "withdrawn": withdrawals_after(content) if content else [],
        "files": [
            {"label": form.upper(), "url": reverse("roi_report_file", args=[found.public_id, form])} for form in FORMS
        ]
        if content
        else [],
        "assumptions_url": page_url("roi_assumptions", access),
        "crumbs": [
            {"label": "ROI", "url": page_url("roi", access)},
            {"label": "Reports", "url": page_url("roi_reports", access)},
        ],
    }
    return TemplateResponse(request, "portal/roi.html", context)


@require_safe
@portal_page()
def report_file(request: HttpRequest, access: Access, report_id: str, form: str) -> HttpResponse:
    """Return a ready report as PDF, CSV or JSON."""
    found = _find(report_id)
    if form not in FORMS or found.status != Report.Status.READY:
        raise Http404("There is no such file yet.")
    body, kind = render(found, form)
    answer = HttpResponse(body, content_type=kind)
    name = f"roi-{found.period.replace('/', '-to-')}-v{found.version}.{form}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _find(report_id: str) -> Report:
    found = find_report(report_id)
    if found is None:
        raise Http404("There is no such report.")
    return found


def _row(found: Report) -> dict[str, Any]:
    return {
        "id": found.public_id,
        "url": reverse("roi_report", args=[found.public_id]),
        "period": named(found.kind, found.period),
        "kind": found.get_kind_display(),
        "version": found.version,
        "application": found.application.name if found.application else "All applications",
        "status": found.status,
        "asked_at": found.asked_at,
        "asked_by": found.asked_by,
        "frozen_at": found.frozen_at,
    }
