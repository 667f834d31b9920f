"""The wheel's configuration, and its turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import IO, Any, ClassVar

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cycles import selectors
from apps.cycles.domain.configuration import Configuration
from apps.cycles.loop import WHEEL
from apps.cycles.models import Cycle, StageRun
from apps.cycles.services import configuring, turning
from apps.organizations.api.views import OrganizationView
from apps.organizations.models import Application
from apps.platform import clock
from apps.platform.api.bodies import read_time
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem
from apps.platform.documents import BadDocument
from apps.platform.idempotency import Answer, once

PAGE = 50
_APPLICATION = OpenApiParameter("application", str)


class _Written(BaseParser):
    """A configuration as written: YAML, or JSON, which is YAML too. Its lines are told in its faults."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            text = stream.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise ParseError("The body is not UTF-8.") from error
        if "\x00" in text:
            raise ParseError("The body holds a NUL.")
        return text


class _Yaml(_Written):
    media_type = "application/yaml"


class _Json(_Written):
    media_type = "application/json"


class CycleConfigView(OrganizationView):
    """An application's flywheel-config.yaml."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read", "PUT": "admin"}
    parser_classes = (_Yaml, _Json)

    @extend_schema(operation_id="readCycleConfig", parameters=[_APPLICATION], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Return what was written, what it means with its defaults, and when the wheel turns next."""
        return Response(_show_configuration(_named(self, request)))

    @extend_schema(
        operation_id="saveCycleConfig", parameters=[_APPLICATION],
        request={"application/yaml": OpenApiTypes.STR, "application/json": OpenApiTypes.OBJECT},
        responses={200: OpenApiTypes.OBJECT},
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        """Save a new version and put it on the schedule; what is wrong with it is told line by line."""
        application = _named(self, request)
        organization = self.principal.organization
        try:
            configuring.save_configuration(
                organization=organization, application=application, text=str(request.data),
                at=clock.now(organization), actor=self.principal.name,
            )  # fmt: skip
        except BadDocument as error:
            faults = [asdict(fault) for fault in error.faults]
            raise Problem(422, "bad_configuration", str(error), faults=faults) from error
        return Response(_show_configuration(application))


class CyclesView(OrganizationView):
    """The turns of the wheel."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "experiments"}

    @extend_schema(
        operation_id="listCycles", parameters=[_APPLICATION, OpenApiParameter("cursor", str)],
        responses={200: OpenApiTypes.OBJECT},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List cycles, newest first."""
        application = self.application(request.query_params.get("application") or None)
        found = selectors.list_cycles(
            application_id=application.id if application else None, before=read_place(request), limit=PAGE + 1
        )
        page, following = cut_page(request, found, size=PAGE, key=lambda cycle: [cycle.id])
        stages = selectors.stages_of(page)
        return Response({"results": [show(cycle, stages[cycle.id]) for cycle in page], "next": following})

    @extend_schema(operation_id="startCycle", request=OpenApiTypes.OBJECT, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Turn an application's wheel once, over what came `since` a time: by default the end of its last cycle."""
        organization = self.principal.organization
        body = request.data if isinstance(request.data, dict) else {}
        asked = body.get("application")
        since = read_time(body["since"], "since") if body.get("since") is not None else None
        application = self.application(str(asked) if asked else request.query_params.get("application") or None)
        if application is None:
            raise Problem(422, "no_application", "Name the application whose wheel to turn.")

        def start() -> Answer:
            now = clock.now(organization)
            try:
                cycle = turning.start_cycle(
                    organization=organization, application=application, at=now, slot=now, since=since,
                    started_by=self.principal.name,
                )  # fmt: skip
            except turning.BadPeriod as error:
                raise Problem(422, "bad_period", str(error)) from error
            return Answer(202, msgspec.to_builtins(show(cycle, {}), builtin_types=(), enc_hook=str))

        answer = once(
            organization_id=organization.id,
            endpoint="cycles",
            key=request.headers.get("Idempotency-Key", ""),
            body=f"{application.slug} {since or ''}".encode(),
            work=start,
        )
        return Response(answer.body, status=answer.status)


class CycleView(OrganizationView):
    """One turn of the wheel."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="readCycle", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, cycle_id: str) -> Response:
        """Return what each stage did, what it waits for, what was unexpected, and what comes next."""
        cycle = _find(self, cycle_id)
        shown = show(cycle, selectors.stages_of([cycle])[cycle.id])
        return Response(shown | {"next": _next(cycle.application)})


class RetryCycleView(OrganizationView):
    """Tries a failed cycle again."""

    scopes: ClassVar[dict[str, str]] = {"POST": "experiments"}

    @extend_schema(operation_id="retryCycle", request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, cycle_id: str) -> Response:
        """Go on with the stage that failed; the stages before it are not repeated. 409 for a cycle that did not."""
        _find(self, cycle_id)
        organization = self.principal.organization
        if not turning.retry_cycle(
            organization_id=organization.id, cycle_id=cycle_id, at=clock.now(organization), actor=self.principal.name
        ):
            raise Problem(409, "not_failed", "Only a cycle that failed can be tried again.")
        cycle = _find(self, cycle_id)
        return Response(show(cycle, selectors.stages_of([cycle])[cycle.id]))


def show(cycle: Cycle, stages: Mapping[str, StageRun]) -> dict[str, Any]:
    """Return a cycle as the API shows it, its stages in the order of the wheel."""
    told = [_show_stage(name, stages.get(name)) for name in WHEEL]
    return {
        "id": cycle.public_id,
        "application": cycle.application.slug,
        "status": cycle.status,
        "slot": cycle.slot,
        "since": cycle.since,
        "until": cycle.until,
        "config_version": cycle.config_version,
        "started_by": cycle.started_by,
        "started_at": cycle.started_at,
        "finished_at": cycle.finished_at,
        "stages": told,
        "unexpected": [words for stage in told for words in stage["unexpected"]],
    }


def _show_stage(name: str, record: StageRun | None) -> dict[str, Any]:
    if record is None:
        return {
            "name": name, "status": "pending", "did": "", "figures": {}, "unexpected": [], "waits_for": "",
            "attempts": 0, "seconds": None,
        }  # fmt: skip
    return {
        "name": name,
        "status": record.status,
        "did": record.did,
        "figures": record.figures,
        "unexpected": record.unexpected,
        "waits_for": record.waits_for,
        "attempts": record.attempts,
        "seconds": record.seconds,
    }


def _show_configuration(application: Application) -> dict[str, Any]:
    written, meant = selectors.configuration_of(application)
    return {
        "application": application.slug,
        "version": written.version if written else 0,
        "text": written.text if written else "",
        "saved_by": written.saved_by if written else None,
        "saved_at": written.saved_at if written else None,
        "meaning": _plain(meant),
        "next_run_at": selectors.next_turn(application),
    }


def _plain(meant: Configuration) -> dict[str, Any]:
    """Return the stages this version has, conditions as they were written."""
    found: dict[str, Any] = {"schedule": meant.schedule, "cron": meant.cron}
    return found | {"stages": {name: asdict(getattr(meant, name)) for name in WHEEL}}


def _next(application: Application) -> list[dict[str, Any]]:
    following = selectors.next_turn(application)
    return [{"what": "the next cycle", "at": following}] if following else []


def _named(view: OrganizationView, request: Request) -> Application:
    application = view.application(request.query_params.get("application") or None)
    if application is None:
        raise Problem(422, "no_application", "Name the application: ?application=…")
    return application


def _find(view: OrganizationView, cycle_id: str) -> Cycle:
    return view.own(selectors.find_cycle(cycle_id), "cycle")
