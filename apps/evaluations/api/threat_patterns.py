"""Threat patterns: rules of the organization for all its applications."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.evaluations.domain.intervals import wilson
from apps.evaluations.domain.security.threats import BENIGN_LIMIT, BadPattern
from apps.evaluations.models import ThreatPattern
from apps.evaluations.selectors import threat_patterns as selectors
from apps.evaluations.services import threat_patterns as services
from apps.organizations.api.views import OrganizationView
from apps.platform import clock
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem

PAGE = 50
_FIELDS = frozenset({"name", "pattern", "type", "severity", "benign_limit"})
_BIGGEST_ID = 2**63 - 1


def show(pattern: ThreatPattern) -> dict[str, Any]:
    """Return a pattern as the API shows it."""
    measured = pattern.benign_messages and pattern.benign_hits is not None
    return {
        "id": pattern.id,
        "name": pattern.name,
        "version": pattern.version,
        "pattern": pattern.pattern,
        "type": pattern.type,
        "severity": pattern.severity,
        "status": pattern.status,
        "source": pattern.source,
        "application": pattern.application.slug if pattern.application else None,
        "first_seen_at": pattern.first_seen_at,
        "evidence": {
            "messages": pattern.messages,
            "users": pattern.users,
            "sessions": pattern.sessions,
            "examples": pattern.examples,
        },
        "benign": {
            "hits": pattern.benign_hits,
            "messages": pattern.benign_messages,
            "rate": pattern.false_positive_rate,
            "rate_ci": list(wilson(pattern.benign_hits or 0, pattern.benign_messages or 0) or ()) if measured else None,
            "limit": pattern.benign_limit,
            "measured_at": pattern.measured_at,
        },
        "created_by": pattern.created_by,
        "created_at": pattern.created_at,
        "approved_by": pattern.approved_by or None,
        "approved_at": pattern.approved_at,
        "retired_by": pattern.retired_by or None,
        "retired_at": pattern.retired_at,
    }


class ThreatPatternsView(OrganizationView):
    """The organization's threat patterns."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "guardrails"}

    @extend_schema(
        operation_id="listThreatPatterns",
        parameters=[
            OpenApiParameter("status", str, enum=ThreatPattern.Status.values),
            OpenApiParameter("name", str),
            OpenApiParameter("cursor", str),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List patterns, newest first, with what each matched of harmless messages."""
        status = request.query_params.get("status") or None
        if status is not None and status not in ThreatPattern.Status.values:
            raise Problem(422, "bad_filter", f"status is one of {', '.join(ThreatPattern.Status.values)}.")
        found = selectors.list_patterns(
            status=status, name=request.query_params.get("name") or None, before=read_place(request), limit=PAGE + 1
        )
        page, following = cut_page(request, found, size=PAGE, key=lambda pattern: [pattern.id])
        return Response({"results": [show(pattern) for pattern in page], "next": following})

    @extend_schema(
        operation_id="createThreatPattern", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT}
    )
    def post(self, request: Request) -> Response:
        """Write a candidate in RE2's syntax; it runs nowhere before it is approved. Repeated, it answers 200."""
        body = request.data
        if not isinstance(body, dict) or (unknown := sorted(set(body) - _FIELDS)):
            detail = f"There is no field {unknown[0]!r}." if isinstance(body, dict) else "Send a JSON object."
            raise Problem(422, "bad_pattern", detail)
        try:
            pattern, made = services.create_pattern(
                organization_id=self.principal.organization.id,
                name=body.get("name"),
                pattern=body.get("pattern"),
                kind=body.get("type"),
                severity=body.get("severity"),
                benign_limit=body.get("benign_limit", BENIGN_LIMIT),
                at=clock.now(self.principal.organization),
                actor=self.principal.name,
            )
        except BadPattern as error:
            raise Problem(422, "bad_pattern", str(error)) from error
        return Response(show(pattern), status=201 if made else 200)


class ThreatPatternView(OrganizationView):
    """One threat pattern."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="readThreatPattern", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, pattern_id: int) -> Response:
        """Return the pattern."""
        return Response(show(_find(pattern_id)))


class ApproveThreatPatternView(OrganizationView):
    """Lets a pattern go live."""

    scopes: ClassVar[dict[str, str]] = {"POST": "guardrails"}

    @extend_schema(operation_id="approveThreatPattern", request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, pattern_id: int) -> Response:
        """Have every application's analyzers run it. 409 above its limit of harmless messages."""
        organization = self.principal.organization
        if self.principal.application_id is not None:
            raise Problem(403, "wrong_scope", "A key of one application cannot decide for all of them.")
        try:
            pattern = services.approve(
                pattern=_find(pattern_id), organization=organization, at=clock.now(organization),
                actor=self.principal.name,
            )  # fmt: skip
        except services.PatternRefused as error:
            raise Problem(409, "pattern_refused", str(error)) from error
        return Response(show(pattern))


class RetireThreatPatternView(OrganizationView):
    """Takes a pattern out of service."""

    scopes: ClassVar[dict[str, str]] = {"POST": "guardrails"}

    @extend_schema(operation_id="retireThreatPattern", request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, pattern_id: int) -> Response:
        """Take it out of the analyzers, or a candidate off the list; it stays on record."""
        organization = self.principal.organization
        if self.principal.application_id is not None:
            raise Problem(403, "wrong_scope", "A key of one application cannot decide for all of them.")
        pattern = services.retire(
            pattern=_find(pattern_id), organization=organization, at=clock.now(organization), actor=self.principal.name
        )
        return Response(show(pattern))


def _find(pattern_id: int) -> ThreatPattern:
    pattern = selectors.find_pattern(pattern_id) if pattern_id <= _BIGGEST_ID else None
    if pattern is None:
        raise Problem(404, "not_found", "There is no such threat pattern in this organization.")
    return pattern
