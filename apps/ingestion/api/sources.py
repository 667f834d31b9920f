"""The endpoint of watched files."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.ingestion import selectors
from apps.ingestion.models import CaptureFile, CaptureSource
from apps.organizations.api.views import OrganizationView

MOST_FILES = 1_000


class CaptureSourcesView(OrganizationView):
    """Files that are read as they grow. `stages.capture.source` of an application's configuration names them."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(
        operation_id="listCaptureSources",
        parameters=[OpenApiParameter("application", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List the watched patterns, each with its files: how far they are read, and what was wrong."""
        application = self.application(request.query_params.get("application") or None)
        sources = selectors.watched_sources(application_id=application.id if application else None)
        files = selectors.files_of(sources, limit=MOST_FILES)
        return Response({"results": [_source(each, files) for each in sources], "next": None})


def _source(source: CaptureSource, files: list[CaptureFile]) -> dict[str, Any]:
    return {
        "application": source.application.slug,
        "source": source.glob,
        "format": source.format,
        "looked_at": source.looked_at,
        "error": source.error or None,
        "files": [
            {
                "path": each.path,
                "bytes": each.size,
                "bytes_read": each.offset,
                "accepted": each.accepted,
                "rejected": each.rejected,
                "read_at": each.read_at,
                "error": each.error or None,
            }
            for each in files
            if each.source_id == source.id
        ],
    }
