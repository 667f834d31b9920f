"""Batches and uploads."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.ingestion import selectors
from apps.ingestion.domain.formats import FORMATS, UnknownFormat
from apps.ingestion.domain.redaction import RedactionFailed
from apps.ingestion.downloads import rejected_file
from apps.ingestion.files import UnreadableInput
from apps.ingestion.models import Batch
from apps.ingestion.services.redriving import redrive as redrive_batch
from apps.ingestion.services.sealing import OriginalsGone
from apps.ingestion.services.uploading import accept_upload
from apps.organizations import selectors as organizations
from apps.organizations import services
from apps.organizations.web.access import READERS, WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before
from apps.organizations.web.tabs import read_state, state_tabs
from apps.organizations.web.views import show_views
from apps.platform.templatetags.figures import when
from apps.platform.tenancy import tenant

_PAGE = 30
_LINES = 200
UPLOAD_LIMIT = 1024**3
_LABELS = {
    "messages": "One message a line",
    "conversations": "One conversation a line",
    "openai": "OpenAI requests and answers",
}


@require_safe
@portal_page()
def batches(request: HttpRequest, access: Access) -> HttpResponse:
    """List what was captured, newest first."""
    before = read_before(request)
    state = read_state(request, Batch.Status.values)
    found = selectors.list_batches(
        application_id=access.application_id, before=before, limit=_PAGE + 1, status=state or None
    )
    page, pager = cut_page(found, _PAGE, "batches", access, before=before, state=state)
    upload = page_url("upload", access) if access.may(WORKERS) else None
    empty = {"title": "Nothing captured yet", "text": "Push logs through the API, or upload a file."}
    if state:
        empty = {"title": f"No batch is {state}", "text": "Look at another state, or at all of them."}
    context = {
        "tabs": state_tabs("batches", access, Batch.Status.values, state),
        "saved": show_views("batches", access, {"state": state}),
        "rows": [_row(batch) for batch in page],
        "page": pager,
        "empty": empty | ({"action": {"label": "Upload a file", "url": upload}} if upload else {}),
        "upload_url": upload,
    }
    return TemplateResponse(request, "portal/batches.html", context)


@require_safe
@portal_page()
def batch(request: HttpRequest, access: Access, batch_id: str) -> HttpResponse:
    """Show one batch and its rejected lines."""
    found = _find(batch_id)
    lines = [
        {"line": each.line, "code": each.code, "detail": each.detail, "excerpt": each.excerpt}
        for each, _ in zip(selectors.rejected_lines(found), range(_LINES), strict=False)
        if access.may(READERS)
    ]
    kept_until = selectors.originals_kept_until(found, at=access.now) if found.rejected else None
    redrive_url = reverse("redrive_batch", args=[found.public_id]) if kept_until and access.may(WORKERS) else None
    context = {
        "title": f"Batch of {when(found.received_at)}",
        "batch": _status(found, access) | {
            "source": found.source, "application": found.application.name, "received_at": found.received_at,
            "stored_at": found.stored_at, "redrive_of": found.redrive_of,
            "redrive_of_url": reverse("batch", args=[found.redrive_of]) if found.redrive_of else None,
        },
        "rejected": lines,
        "rejected_hidden": max(found.rejected - len(lines), 0),
        "rejected_url": reverse("rejected_lines", args=[found.public_id]) if lines else None,
        "rejected_json_url": reverse("rejected_json", args=[found.public_id]) if lines else None,
        "redrive_url": redrive_url,
        "kept_until": kept_until,
        "rows_url": page_url("conversations", access),
        "crumbs": [{"label": "Uploads", "url": page_url("batches", access)}],
    }  # fmt: skip
    return TemplateResponse(request, "portal/batch.html", context)


@require_safe
@portal_page()
def batch_status(request: HttpRequest, access: Access, batch_id: str) -> HttpResponse:
    """Answer the poll of a batch's state."""
    return TemplateResponse(request, "portal/batch_status.html", {"batch": _status(_find(batch_id), access)})


@require_safe
@portal_page(READERS)
def rejected_lines(request: HttpRequest, access: Access, batch_id: str, form: str) -> HttpResponse:
    """Download a batch's rejected lines."""
    return rejected_file(_find(batch_id), form)


@require_POST
@portal_page(WORKERS)
def redrive(request: HttpRequest, access: Access, batch_id: str) -> HttpResponse:
    """Try a batch's rejected lines again."""
    _find(batch_id)
    try:
        done = redrive_batch(organization=access.organization, batch_id=batch_id, at=access.now, actor=access.actor)
    except OriginalsGone as error:
        messages.error(request, f"{str(error).capitalize()}. Push the corrected lines instead.")
        return redirect("batch", batch_id=batch_id)
    if done.batch_id is None:
        messages.info(request, f"Tried again: {done.rejected:,} lines are still refused, for the reasons below.")
        return redirect("batch", batch_id=batch_id)
    rest = f"{done.rejected:,} are still refused." if done.rejected else "None is left."
    messages.success(request, f"Tried again: {done.accepted:,} lines are good now and make this batch. {rest}")
    return redirect("batch", batch_id=done.batch_id)


@portal_page(WORKERS, in_tenant=False)
def upload(request: HttpRequest, access: Access) -> HttpResponse:
    """Take a file. An answer to htmx is the batch's state, else the batch's page."""
    if request.method == "POST":
        return _take(request, access)
    with tenant(access.organization.id):
        return _upload_page(request, access).render()


def _take(request: HttpRequest, access: Access) -> HttpResponse:
    file, slug = request.FILES.get("file"), request.POST.get("application", "")
    with tenant(access.organization.id):
        application = organizations.find_application(slug)
    if file is None or (slug and application is None):
        return _refuse(request, access, "Choose a file and one of your applications.")
    if file.size is not None and file.size > UPLOAD_LIMIT:
        return _refuse(request, access, "The file is over 1 GiB; send it in parts or through the API.")
    if application is None:
        application = services.ensure_application(organization_id=access.organization.id, slug="support", at=access.now)
    try:
        done = accept_upload(
            file, name=file.name or "upload", organization=access.organization, application_id=application.id,
            at=access.now, format_name=request.POST.get("format") or "auto",
        )  # fmt: skip
    except (UnreadableInput, UnknownFormat) as error:
        return _refuse(request, access, str(error))
    except RedactionFailed:
        return _refuse(request, access, "Personal data could not be masked, so nothing was stored. Tell us the batch.")
    last = done.batches[-1]
    if len(done.batches) > 1:
        messages.info(request, f"The file made {len(done.batches)} batches; this is the last one.")
    if not getattr(request, "htmx", False):
        return redirect("batch", batch_id=last)
    with tenant(access.organization.id):
        return TemplateResponse(request, "portal/batch_status.html", {"batch": _status(_find(last), access)}).render()


def _refuse(request: HttpRequest, access: Access, words: str) -> HttpResponse:
    with tenant(access.organization.id):
        if getattr(request, "htmx", False):
            # 200, because htmx swaps nothing else; the words say what happened.
            return TemplateResponse(request, "portal/batch_status.html", {"error": words}).render()
        return _upload_page(request, access, error=words, status=422).render()


def _upload_page(request: HttpRequest, access: Access, *, error: str = "", status: int = 200) -> TemplateResponse:
    if not access.may(WORKERS):
        raise PermissionDenied
    found = organizations.list_applications()
    applications = [
        {"slug": each.slug, "name": each.name, "current": each.id == access.application_id} for each in found
    ] or [{"slug": "", "name": "support (new)", "current": True}]
    context = {
        "upload_url": page_url("upload", access),
        "limit": UPLOAD_LIMIT,
        "applications": applications,
        "formats": [{"name": name, "label": _LABELS.get(name, name)} for name in FORMATS],
        "error": error or None,
        "code": None,
    }
    return TemplateResponse(request, "portal/upload.html", context, status=status)


def _find(batch_id: str) -> Batch:
    found = selectors.find_batch(batch_id)
    if found is None:
        raise Http404("There is no such batch.")
    return found


def _row(found: Batch) -> dict[str, Any]:
    return {
        "id": found.public_id,
        "url": reverse("batch", args=[found.public_id]),
        "received_at": found.received_at,
        "application": found.application.name,
        "source": found.source,
        "format": found.format,
        "accepted": found.accepted,
        "rejected": found.rejected,
        "redriven": found.redriven,
        "messages": found.messages,
        "duplicates": found.duplicates,
        "status": found.status,
    }


def _status(found: Batch, access: Access) -> dict[str, Any]:
    touched, analyzed = selectors.count_batch(found)
    warnings = [f"{warning.get('count', 1):,} × {warning['detail']}" for warning in found.warnings]
    return _row(found) | {
        "status_url": reverse("batch_status", args=[found.public_id]),
        "found_url": page_url("home", access),
        "conversations": touched or found.conversations,
        "analyzed": analyzed,
        "warnings": warnings,
    }
