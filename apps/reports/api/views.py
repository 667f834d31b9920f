"""The return on the wheel: its model, and reports that freeze what it came to."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from apps.organizations.api.views import OrganizationView
from apps.organizations.models import Application
from apps.organizations.services import say_currency
from apps.platform import clock
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem
from apps.platform.idempotency import Answer, once
from apps.platform.tenancy import tenant
from apps.reports.api.reading import bad_model, read_assumptions, read_period
from apps.reports.models import Assumption, Report
from apps.reports.printing.files import FORMS, render
from apps.reports.selectors.assumptions import in_force, standings
from apps.reports.selectors.reports import find_report, list_reports, valuation_of, withdrawals_after
from apps.reports.services import assumptions, reporting

PAGE = 50
_SCOPE = "reports"


class ModelView(OrganizationView):
    """An application's model: its assumptions, and what the ledger comes to under them."""

    scopes: ClassVar[dict[str, str]] = {"GET": _SCOPE, "PUT": _SCOPE}

    @extend_schema(
        operation_id="readRoiModel",
        parameters=[OpenApiParameter("application", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """Return the assumptions, what is missing, and the last valuation with its lines, costs and figures."""
        return Response(self._show(_named(self, request)))

    @extend_schema(
        operation_id="sayRoiModel",
        parameters=[OpenApiParameter("application", str)],
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT},
    )
    def put(self, request: Request) -> Response:
        """Say assumptions: each that differs from what holds is a new version; none that is left out is withdrawn."""
        application = _named(self, request)
        organization, at = self.principal.organization, clock.now(self.principal.organization)
        rows = read_assumptions(request.data, at=at)
        currency = dict(request.data).get("currency")
        if currency is not None:
            try:
                held = say_currency(organization=organization, currency=str(currency), at=at, actor=self.principal.name)
            except ValueError as error:
                raise Problem(422, "bad_model", str(error)) from error
            if not held:
                raise Problem(409, "currency_is_set", f"The organization's currency is {organization.currency}.")
        faults = []
        for said, approved in rows:
            try:
                assumptions.say(application=application, said=said, at=at, actor=self.principal.name, approve=approved)
            except assumptions.BadAssumption as error:
                faults += [{"field": f"{said.key}.{name}", "detail": words} for name, words in error.faults]
        if faults:
            raise bad_model(faults)
        return Response(self._show(application))

    def _show(self, application: Application) -> dict[str, Any]:
        standing = {each.key: each for each in standings(application)}
        value = valuation_of(application)
        return {
            "application": application.slug,
            "currency": self.principal.organization.currency or None,
            "assumptions": [
                {
                    "key": each.key, "low": each.low, "mode": each.mode, "high": each.high, "unit": each.unit,
                    "owner": each.owner, "source": each.source.value, "valid_from": each.valid_from,
                    "approved_by": each.approved_by,
                    "version": standing[each.key].holds.version if each.key in standing else 0,  # type: ignore[union-attr]
                }
                for each in in_force(application)
            ],
            "waiting": [_show_row(each.waits) for each in standing.values() if each.waits is not None],
            "computed_at": value.computed_at if value else None,
            "valuation": value.content if value else None,
        }  # fmt: skip


class ReportsView(OrganizationView):
    """The organization's reports."""

    scopes: ClassVar[dict[str, str]] = {"GET": _SCOPE, "POST": _SCOPE}
    in_tenant = False

    @extend_schema(
        operation_id="listRoiReports",
        parameters=[OpenApiParameter("application", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List reports, newest first."""
        with tenant(self.principal.organization.id):
            application = self.application(request.query_params.get("application") or None)
            found = list_reports(before=read_place(request), limit=PAGE + 1, application=application)
            page, following = cut_page(request, found, size=PAGE, key=lambda each: [each.id])
            return Response({"results": [show(each) for each in page], "next": following})

    @extend_schema(operation_id="askRoiReport", request=OpenApiTypes.OBJECT, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Ask for a report; a worker writes and freezes it. Without a period: this month until now."""
        organization = self.principal.organization
        at = clock.now(organization)
        period = read_period(request.data, at=at)
        named = dict(request.data).get("application")

        def ask() -> Answer:
            with tenant(organization.id):
                slug = str(named).replace("\x00", "") if named else request.query_params.get("application")
                application = self.application(slug)
                report = reporting.ask(
                    organization=organization, application=application, period=period, at=at, actor=self.principal.name
                )
                return Answer(202, {**show(report), "asked_at": report.asked_at.isoformat()})

        answer = once(
            organization_id=organization.id,
            endpoint="roi.reports",
            key=request.headers.get("Idempotency-Key", ""),
            body=f"{named} {period.kind} {period.name}".encode(),
            work=ask,
        )
        return Response(answer.body, status=answer.status)


class ReportView(OrganizationView):
    """One report."""

    scopes: ClassVar[dict[str, str]] = {"GET": _SCOPE}

    @extend_schema(operation_id="readRoiReport", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, report_id: str) -> Response:
        """Return its state and, once it is ready, its frozen content with its hash, and what was withdrawn since."""
        report = _find(self, report_id)
        return Response(show(report) | {"content": report.content, "withdrawn_since": _withdrawn(report)})


class AnyAnswer(BaseContentNegotiation):
    """Whatever is accepted: the address says which file it is."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class ReportFileView(OrganizationView):
    """One report as a file."""

    scopes: ClassVar[dict[str, str]] = {"GET": _SCOPE}
    content_negotiation_class = AnyAnswer

    @extend_schema(
        operation_id="downloadRoiReport",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY, (200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, report_id: str, form: str) -> HttpResponseBase:
        """Return it as .json (the frozen content), .csv or .pdf. 409 until it is ready."""
        report = _find(self, report_id)
        if form not in FORMS:
            raise Problem(404, "not_found", f"A report is there as {', '.join(FORMS)}.")
        if report.status != Report.Status.READY:
            raise Problem(409, "not_ready", f"The report is {report.status}.")
        body, kind = render(report, form)
        return HttpResponse(body, content_type=kind)


def show(report: Report) -> dict[str, Any]:
    """Return a report as lists show it."""
    return {
        "id": report.public_id,
        "application": report.application.slug if report.application else None,
        "kind": report.kind,
        "period": report.period,
        "version": report.version,
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        "status": report.status,
        "sha256": report.sha256 or None,
        "asked_by": report.asked_by,
        "asked_at": report.asked_at,
        "frozen_at": report.frozen_at,
    }


def _show_row(row: Assumption) -> dict[str, Any]:
    return {
        "key": row.key, "version": row.version, "low": row.low, "mode": row.mode, "high": row.high, "unit": row.unit,
        "owner": row.owner, "source": row.source, "said_by": row.said_by, "said_at": row.said_at,
    }  # fmt: skip


def _withdrawn(report: Report) -> list[dict[str, Any]]:
    if report.content is None:
        return []
    return [
        {
            "key": each.key,
            "application": each.application.slug,
            "by": each.said_by,
            "at": each.said_at,
            "why": each.note,
        }
        for each in withdrawals_after(report.content)
    ]


def _find(view: OrganizationView, report_id: str) -> Report:
    """Return the report. 404 where there is none, and for one of more than the application a key is bound to."""
    report, bound = find_report(report_id), view.principal.application_id
    if report is None or bound not in (None, report.application_id):
        raise Problem(404, "not_found", "There is no such report in this organization.")
    return report


def _named(view: OrganizationView, request: Request) -> Application:
    application = view.application(request.query_params.get("application") or None)
    if application is None:
        raise Problem(422, "no_application", "Name the application: ?application=…")
    return application
