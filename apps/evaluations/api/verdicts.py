"""What people say of verdicts, and what the detector's counts are worth by that."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.evaluations import selectors
from apps.evaluations.models import VerdictLabel
from apps.evaluations.selectors import calibrations
from apps.evaluations.services import verdicts as services
from apps.organizations.api.views import OrganizationView
from apps.platform import clock
from apps.platform.api.problems import Problem


def show_label(label: VerdictLabel) -> dict[str, Any]:
    """Return a verdict as the API shows it."""
    return {
        "session_id": label.conversation.session_id,
        "finding": label.finding or None,
        "verdict": "attack" if label.is_attack else "not_attack",
        "outcome": label.outcome or None,
        "detected": label.detected,
        "detected_outcome": label.detected_outcome or None,
        "person": label.person,
        "at": label.at,
    }


class VerdictsView(OrganizationView):
    """Verdicts on findings."""

    scopes: ClassVar[dict[str, str]] = {"POST": "guardrails"}

    @extend_schema(operation_id="giveVerdict", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Say whether a finding (or, without one, the conversation) is an attack and what became of it."""
        body = request.data
        if not isinstance(body, dict) or not isinstance(body.get("session_id"), str):
            raise Problem(422, "bad_verdict", "Send an object with session_id and verdict.")
        application = self.application(body.get("application") or None)
        found = selectors.find_conversation(body["session_id"], application.id if application else None)
        if found is None:
            raise Problem(404, "not_found", "There is no such conversation in this organization.")
        try:
            label = services.judge(
                found=found, organization_id=self.principal.organization.id, person=self.principal.name,
                verdict=body.get("verdict"), finding=_finding(body, found), outcome=body.get("outcome") or "",
                at=clock.now(self.principal.organization),
            )  # fmt: skip
        except services.BadVerdict as error:
            raise Problem(422, "bad_verdict", str(error)) from error
        return Response(show_label(label))


class CalibrationView(OrganizationView):
    """What the detector's counts are worth on one application's traffic."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "guardrails"}

    @extend_schema(
        operation_id="readCalibration",
        parameters=[OpenApiParameter("application", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """Return the newest sample, what it says, and how far people agree."""
        application = self.application(request.query_params.get("application") or None)
        if application is None:
            raise Problem(422, "no_application", "Name the application: each is calibrated by itself.")
        return Response(_show(application.id))

    @extend_schema(
        operation_id="drawAuditSample",
        parameters=[OpenApiParameter("application", str)],
        request=None,
        responses={201: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        """Draw a new sample of the last four weeks, for people to judge."""
        application = self.application(request.query_params.get("application") or None)
        if application is None:
            raise Problem(422, "no_application", "Name the application: each is calibrated by itself.")
        services.draw_sample(
            application=application, at=clock.now(self.principal.organization), actor=self.principal.name
        )
        return Response(_show(application.id), status=201)


def _show(application_id: int) -> dict[str, Any]:
    worth = calibrations.read_worth(application_id)
    row = worth.calibration
    items = calibrations.audit_items(row) if row else []
    return {
        **calibrations.show_worth(worth, row.flagged + row.unflagged if row else 0),
        "missing": worth.missing,
        "sample": {
            "since": row.since, "until": row.until, "analyzer_version": row.analyzer_version,
            "flagged": row.flagged, "unflagged": row.unflagged, "flagged_judged": row.flagged_judged,
            "flagged_attacks": row.flagged_attacks, "unflagged_judged": row.unflagged_judged,
            "unflagged_attacks": row.unflagged_attacks, "drawn_by": row.drawn_by, "drawn_at": row.drawn_at,
            "sessions": [item.conversation.session_id for item in items],
        } if row else None,
        "agreement": calibrations.read_agreement(application_id),
    }  # fmt: skip


def _finding(body: dict[str, Any], found: selectors.AnalyzedConversation) -> str:
    """Return the name of the finding meant by type and message_index, "" for the conversation as a whole."""
    kind, place = body.get("type"), body.get("message_index")
    if kind is None and place is None:
        return ""
    if not isinstance(kind, str) or not isinstance(place, int) or not 0 <= place < len(found.messages):
        raise Problem(422, "bad_verdict", "A finding is named by its type and message_index, together.")
    return services.finding_of({"type": kind, "message_index": place}, [message.digest for message in found.messages])
