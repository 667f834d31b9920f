"""Evaluation runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.evaluations.filtering import BadFilter, parse_time
from apps.evaluations.models import EvaluationRun
from apps.evaluations.selectors.runs import eta_seconds, find_run, list_runs
from apps.evaluations.services import runs
from apps.organizations.api.views import OrganizationView
from apps.platform import clock
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem
from apps.platform.idempotency import Answer, once

PAGE = 50


class RunRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The shape of a request for a run. ``sample`` is a share, or a percentage as text ("10%").

    With ``only_outdated`` it passes over conversations that today's analyzers have assessed.
    """

    application: str = ""
    analyzers: list[str] = []
    since: str | None = None
    until: str | None = None
    sample: float | str = 1.0
    only_outdated: bool = False


def show(run: EvaluationRun) -> dict[str, Any]:
    """Return a run as the API shows it."""
    return {
        "id": run.public_id,
        "status": run.status,
        "application": run.application.slug,
        "analyzers": run.analyzers,
        "since": run.since,
        "until": run.until,
        "sample": run.sample / 10_000,
        "only_outdated": run.only_outdated,
        "progress": {"total": run.total, "done": run.done, "failed": run.failed},
        "eta_seconds": eta_seconds(run, clock.wall()),
        "summary": run.summary,
        "asked_by": run.asked_by,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


class RunsView(OrganizationView):
    """The organization's evaluation runs."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "ingest"}

    @extend_schema(
        operation_id="listEvaluationRuns",
        parameters=[OpenApiParameter("application", str), OpenApiParameter("cursor", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List runs, newest first."""
        application = self.application(request.query_params.get("application") or None)
        found = list_runs(
            application_id=application.id if application else None, before=read_place(request), limit=PAGE + 1
        )
        page, following = cut_page(request, found, size=PAGE, key=lambda run: [run.id])
        return Response({"results": [show(run) for run in page], "next": following})

    @extend_schema(operation_id="startEvaluationRun", request=OpenApiTypes.OBJECT, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Ask for a run over an application's conversations; poll its address for progress."""
        organization = self.principal.organization

        def start() -> Answer:
            asked, sample, since, until = _read(request.data)
            application = self.application(asked.application or request.query_params.get("application") or None)
            if application is None:
                raise Problem(422, "no_application", "Name the application whose conversations to look at.")
            try:
                run = runs.start_run(
                    organization=organization, application=application, at=clock.now(organization),
                    asked_by=self.principal.name, analyzers=asked.analyzers, since=since, until=until, sample=sample,
                    only_outdated=asked.only_outdated,
                )  # fmt: skip
            except runs.BadRun as error:
                raise Problem(422, "bad_run", str(error)) from error
            return Answer(202, msgspec.to_builtins(show(run), builtin_types=(), enc_hook=str))

        answer = once(
            organization_id=organization.id,
            endpoint="evaluation-runs",
            key=request.headers.get("Idempotency-Key", ""),
            body=msgspec.json.encode(request.data, order="sorted"),
            work=start,
        )
        return Response(answer.body, status=answer.status)


class RunView(OrganizationView):
    """One evaluation run."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="readEvaluationRun", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, run_id: str) -> Response:
        """Return a run with its progress."""
        return Response(show(_find(self, run_id)))


class CancelRunView(OrganizationView):
    """Stops a run."""

    scopes: ClassVar[dict[str, str]] = {"POST": "ingest"}

    @extend_schema(operation_id="cancelEvaluationRun", request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, run_id: str) -> Response:
        """Stop a run after the shard under way; what is done stays. An ended run stays as it is."""
        _find(self, run_id)
        organization = self.principal.organization
        runs.cancel_run(
            run_id=run_id, organization_id=organization.id, at=clock.now(organization), actor=self.principal.name
        )
        return Response(show(_find(self, run_id)))


def _find(view: OrganizationView, run_id: str) -> EvaluationRun:
    return view.own(find_run(run_id), "run")


def _read(data: Any) -> tuple[RunRequest, float, datetime | None, datetime | None]:
    try:
        asked = msgspec.convert(data, RunRequest)
        since, until = parse_time(asked.since, "since"), parse_time(asked.until, "until")
    except msgspec.ValidationError as error:
        raise Problem(422, "bad_run", str(error)) from error
    except BadFilter as error:
        raise Problem(422, error.code, str(error)) from error
    if isinstance(asked.sample, float | int):
        return asked, float(asked.sample), since, until
    try:
        return asked, float(asked.sample.strip().removesuffix("%")) / 100, since, until
    except ValueError as error:
        raise Problem(422, "bad_run", '`sample` is a share (0.1) or a percentage ("10%").') from error
