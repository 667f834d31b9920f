"""Guardrails kept: versions written, backtested, put in force and taken out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.library.domain.backtesting import read_tally, show_tally
from apps.library.domain.guardrails import BadGuardrail, read_guardrail, served_form
from apps.library.models import Backtest, Guardrail, GuardrailActivation
from apps.library.selectors import guardrails as selectors
from apps.library.services import backtesting
from apps.library.services import guardrails as services
from apps.organizations.api.views import OrganizationView
from apps.organizations.models import Application
from apps.platform import clock
from apps.platform.api.bodies import read_object, read_text, read_time
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem

PAGE = 50
_BIGGEST_NUMBER = 2**31 - 1
_SCOPE = "guardrails"


class GuardrailLibraryView(OrganizationView):
    """The organization's guardrails."""

    scopes: ClassVar[dict[str, str]] = {"GET": _SCOPE, "POST": _SCOPE}

    @extend_schema(operation_id="listGuardrails", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """List guardrails, the last written first, with the versions that are in force."""
        found = selectors.list_guardrails(before=read_place(request), limit=PAGE + 1)
        page, following = cut_page(request, found, size=PAGE, key=lambda each: [each.newest.id])
        rows = [
            {
                "name": each.name, "newest": each.newest.version,
                "in_force": [show_activation(one) for one in each.standing],
                "waiting": [show_activation(one) for one in each.waiting],
            }
            for each in page
        ]  # fmt: skip
        return Response({"results": rows, "next": following})

    @extend_schema(operation_id="writeGuardrail", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Write a guardrail's next version. What it has said before answers 200 with the version it was."""
        body = read_object(request, "bad_guardrail")
        content = {name: value for name, value in body.items() if name not in ("name", "note")}
        try:
            made, new = services.add_guardrail_version(
                organization_id=self.principal.organization.id, name=body.get("name"), content=content,
                note=_text(body, "note"), at=clock.now(self.principal.organization), actor=self.principal.name,
            )  # fmt: skip
        except BadGuardrail as error:
            raise Problem(422, "bad_guardrail", str(error)) from error
        return Response(show_guardrail(made), status=201 if new else 200)


class GuardrailView(OrganizationView):
    """One guardrail."""

    scopes: ClassVar[dict[str, str]] = {"GET": _SCOPE}

    @extend_schema(operation_id="readGuardrail", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, name: str) -> Response:
        """Return its versions, newest first, and where which was in force."""
        _find(name, None)
        return Response(
            {
                "name": name,
                "versions": [show_guardrail(each) for each in selectors.list_guardrail_versions(name)],
                "activations": [show_activation(each) for each in selectors.activation_history(name)],
            }
        )


class BacktestsView(OrganizationView):
    """Backtests of one version."""

    scopes: ClassVar[dict[str, str]] = {"GET": _SCOPE, "POST": _SCOPE}

    @extend_schema(
        operation_id="listBacktests",
        parameters=[OpenApiParameter("application", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, name: str, number: int) -> Response:
        """List a version's backtests, newest first: at most 50."""
        application = self.application(request.query_params.get("application") or None)
        found = selectors.list_backtests(
            _find(name, number), application_id=application.id if application else None, limit=PAGE
        )
        said = selectors.false_positives(found)
        return Response({"results": [show_backtest(each, said[each.id]) for each in found], "next": None})

    @extend_schema(operation_id="askBacktest", request=OpenApiTypes.OBJECT, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, name: str, number: int) -> Response:
        """Try the version on an application's captured conversations, by default those of the last 30 days."""
        body, guardrail = read_object(request, "bad_guardrail"), _find(name, number)
        application = self.application(_text(body, "application") or None)
        if application is None:
            raise Problem(422, "no_application", "Name the application whose conversations it is tried on.")
        try:
            found = backtesting.ask_backtest(
                guardrail=guardrail, application=application, since=_moment(body, "since"),
                until=_moment(body, "until"), at=clock.now(self.principal.organization), asked_by=self.principal.name,
            )  # fmt: skip
        except ValueError as error:
            raise Problem(422, "bad_period", str(error)) from error
        return Response(show_backtest(found, selectors.false_positives([found])[found.id]), status=202)


class ActivateView(OrganizationView):
    """Puts a version in force."""

    scopes: ClassVar[dict[str, str]] = {"POST": _SCOPE}

    @extend_schema(operation_id="activateGuardrail", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, name: str, number: int) -> Response:
        """Put it in force for ``application``, or for all; 409 where its backtest does not let it."""
        body, guardrail = read_object(request, "bad_guardrail"), _find(name, number)
        try:
            found = services.activate(
                guardrail=guardrail, application=_scope(self, body), reason=_text(body, "reason"),
                at=clock.now(self.principal.organization), actor=self.principal.name,
            )  # fmt: skip
        except services.NotActivated as error:
            raise Problem(409, "not_activated", str(error)) from error
        return Response(show_activation(found))


class DeactivateView(OrganizationView):
    """Takes a guardrail out of force."""

    scopes: ClassVar[dict[str, str]] = {"POST": _SCOPE}

    @extend_schema(
        operation_id="deactivateGuardrail", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT}
    )
    def post(self, request: Request, name: str) -> Response:
        """Take it out of force for ``application``, or where it stood for all."""
        body = read_object(request, "bad_guardrail")
        _find(name, None)
        found = services.deactivate(
            name=name, application=_scope(self, body), reason=_text(body, "reason"),
            at=clock.now(self.principal.organization), actor=self.principal.name,
        )  # fmt: skip
        if found is None:
            raise Problem(409, "not_in_force", "It is not in force there.")
        return Response(show_activation(found))


def show_guardrail(guardrail: Guardrail) -> dict[str, Any]:
    """Return a version as the API shows it."""
    content = read_guardrail(guardrail.content)
    return {
        "name": guardrail.name,
        "version": guardrail.version,
        "content_hash": guardrail.content_hash,
        **served_form(content),
        "most_benign_blocked": content.most_benign_blocked,
        "note": guardrail.note,
        "created_by": guardrail.created_by,
        "created_at": guardrail.created_at,
    }


def show_activation(activation: GuardrailActivation) -> dict[str, Any]:
    """Return where, from when and until when a version was in force, and by whom."""
    return {
        "version": activation.guardrail.version,
        "application": activation.application.slug if activation.application else None,
        "state": "waiting" if activation.waits else "in_force" if activation.stands else "ended",
        "requested_by": activation.requested_by,
        "requested_at": activation.requested_at,
        "approved_by": activation.approved_by or None,
        "at": activation.at,
        "reason": activation.reason,
        "ended_at": activation.ended_at,
        "ended_by": activation.ended_by or None,
        "end_reason": activation.end_reason,
    }


def show_backtest(backtest: Backtest, examples: Sequence[selectors.FalsePositive]) -> dict[str, Any]:
    """Return a backtest with what it has counted so far, and masked examples of what it blocked among the harmless."""
    return {
        "id": backtest.public_id,
        "guardrail": backtest.guardrail.name,
        "version": backtest.guardrail.version,
        "application": backtest.application.slug,
        "status": backtest.status,
        "since": backtest.since,
        "until": backtest.until,
        "created_at": backtest.created_at,
        "limit": read_guardrail(backtest.guardrail.content).most_benign_blocked,
        **show_tally(read_tally(backtest.tally)),
        "examples": [vars(each) for each in examples],
    }


def _scope(view: OrganizationView, body: dict[str, Any]) -> Application | None:
    # A key of one application cannot put anything in force for the others.
    return view.application(_text(body, "application") or None)


def _find(name: str, version: int | None) -> Guardrail:
    found = selectors.find_guardrail(name, version) if (version or 0) <= _BIGGEST_NUMBER else None
    if found is None:
        raise Problem(404, "not_found", "There is no such guardrail in this organization.")
    return found


def _text(body: dict[str, Any], field: str) -> str:
    return read_text(body, field, "bad_guardrail", longest=500)


def _moment(body: dict[str, Any], field: str) -> datetime | None:
    return None if body.get(field) is None else read_time(body[field], field, "bad_period")
