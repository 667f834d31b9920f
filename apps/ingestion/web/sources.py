"""The page of watched files."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from apps.ingestion import selectors
from apps.ingestion.models import CaptureFile, CaptureSource
from apps.organizations.web.access import ADMINISTRATORS, Access, page_url, portal_page

_MOST_FILES = 200


@require_safe
@portal_page()
def sources(request: HttpRequest, access: Access) -> HttpResponse:
    """Show which files are read as they grow, how far, and what was wrong with them."""
    found = selectors.watched_sources(application_id=access.application_id)
    files = selectors.files_of(found, limit=_MOST_FILES)
    empty: dict[str, Any] = {
        "title": "No files are watched",
        "text": "An application's wheel may name files below this organization's folder, such as:",
        "code": "capture: {source: production-logs/*.jsonl}",
    }
    if access.may(ADMINISTRATORS):
        empty["action"] = {"label": "Choose an application", "url": page_url("applications", access)}
    context = {
        "sources": [_source(each, files, access) for each in found],
        "folder": f"{access.organization.slug}/" if settings.CAPTURE_ROOT else None,
        "empty": empty,
    }
    return TemplateResponse(request, "portal/sources.html", context)


def _source(source: CaptureSource, files: list[CaptureFile], access: Access) -> dict[str, Any]:
    return {
        "glob": source.glob,
        "application": source.application.name,
        "format": source.format,
        "looked_at": source.looked_at,
        "error": source.error,
        "batches_url": page_url("batches", access, application=source.application.slug),
        "files": [
            {
                "path": each.path,
                "size": each.size,
                "read": each.offset,
                "waiting": max(each.size - each.offset, 0),
                "accepted": each.accepted,
                "rejected": each.rejected,
                "read_at": each.read_at,
                "error": each.error,
            }
            for each in files
            if each.source_id == source.id
        ],
    }
