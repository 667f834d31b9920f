"""The audit trail: who did what to what, as the portal's page Audit shows it."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.organizations import selectors
from apps.organizations.api.views import OrganizationView
from apps.organizations.models import AuditEvent
from apps.platform.api.cursors import cut_page, read_place

PAGE = 50


class AuditEventsView(OrganizationView):
    """The organization's audit trail. It tells of every application, so a key of one application may not read it."""

    scopes: ClassVar[dict[str, str]] = {"GET": "admin"}

    @extend_schema(
        operation_id="listAuditEvents",
        parameters=[
            OpenApiParameter("actor", str, description="A person's e-mail or a key's prefix, whole."),
            OpenApiParameter("action", str, description="What was done, whole: experiment.promoted."),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List what was done, newest first."""
        self.whole_organization("Audit events")
        asked = request.query_params
        found = selectors.list_audit(
            organization_id=self.principal.organization.id, before=read_place(request), limit=PAGE + 1,
            actor=asked.get("actor", ""), action=asked.get("action", ""),
        )  # fmt: skip
        page, following = cut_page(request, found, size=PAGE, key=lambda each: [each.id])
        return Response({"results": [_show(each) for each in page], "next": following})


def _show(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": event.at,
        "actor": event.actor,
        "action": event.action,
        "subject": event.subject,
        "detail": event.detail,
    }
