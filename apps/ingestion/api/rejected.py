"""The endpoints of rejected lines: downloaded, and tried again."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.ingestion import selectors
from apps.ingestion.domain.formats import UnknownFormat
from apps.ingestion.downloads import rejected_file
from apps.ingestion.services import redriving
from apps.ingestion.services.sealing import OriginalsGone
from apps.organizations.api.views import OrganizationView
from apps.platform import clock
from apps.platform.api.problems import Problem


class RejectedLinesView(OrganizationView):
    """A batch's rejected lines as a file."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/x-ndjson"): OpenApiTypes.STR})
    def get(self, request: Request, batch_id: str, form: str) -> HttpResponse:
        """Download line number, code, detail and redacted excerpt of each line that is still rejected."""
        return rejected_file(self.own(selectors.find_batch(batch_id), "batch"), form)


class RedriveView(OrganizationView):
    """Has a batch's rejected lines tried again."""

    scopes: ClassVar[dict[str, str]] = {"POST": "ingest"}
    rate_class = "ingest"

    @extend_schema(operation_id="redriveBatch", request=OpenApiTypes.OBJECT, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, batch_id: str) -> Response:
        """Read the rejected lines' originals again, as ``{"format"}`` when one is named; repeatable.

        The good ones make a batch of their own (``batch_id``, null when there was none), the others stay rejected.
        410 when their originals are not kept any more.
        """
        self.own(selectors.find_batch(batch_id), "batch")
        asked = request.data if isinstance(request.data, dict) else {}
        organization = self.principal.organization
        try:
            done = redriving.redrive(
                organization=organization,
                batch_id=batch_id,
                at=clock.now(organization),
                actor=self.principal.name,
                format_name=str(asked.get("format") or "auto"),
            )
        except UnknownFormat as error:
            raise Problem(422, "unknown_format", str(error)) from error
        except OriginalsGone as error:
            raise Problem(410, "originals_gone", f"{error}; push the corrected lines instead".capitalize()) from error
        return Response({"batch_id": done.batch_id, "accepted": done.accepted, "rejected": done.rejected}, status=202)
