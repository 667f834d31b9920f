"""What applications share: entries with provenance and measured effect; shared, adopted, withdrawn."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.experiments.domain.measures import MEASURES
from apps.experiments.selectors.effects import Effect, effects_of
from apps.experiments.web.experiments import written_change
from apps.improvements.services.adopting import adopt
from apps.library import selectors as library
from apps.library.domain.prompts import BadPrompt
from apps.library.models import LibraryEntry
from apps.library.selectors.entries import find_entry, list_entries
from apps.library.services import sharing
from apps.organizations import selectors as organizations
from apps.organizations.web.access import WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before

_PAGE = 20
_DEFAULT_METRIC = "avg_quality_score"


@require_safe
@portal_page()
def entry_list(request: HttpRequest, access: Access) -> HttpResponse:
    """List what is shared, newest first, with who adopted it and what it did where."""
    before, tag = read_before(request), request.GET.get("tag", "")[:50].replace("\x00", "")
    found = list_entries(before=before, limit=_PAGE + 1, tag=tag)
    page, pager = cut_page(found, _PAGE, "entries", access, before=before)
    effects, may = effects_of(page), access.may(WORKERS)
    context = {
        "rows": [_row(entry, effects[entry.id], may=may) for entry in page],
        "page": pager,
        "tag": tag,
        "applications": [each.slug for each in organizations.list_applications()] if may else [],
        "empty": {
            "title": "Nothing is shared" if not tag else f"Nothing is shared under {tag}",
            "text": "Open a prompt of the library and share a version: other applications adopt it with one click, and "
            "each adoption is measured anew.",
            "action": {"label": "Open the library", "url": page_url("prompts", access)},
        },
    }
    return TemplateResponse(request, "portal/shared.html", context)


@require_POST
@portal_page(WORKERS)
def share_version(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """Offer a version of a prompt to the other applications."""
    prompt = library.find_prompt(name)
    version = library.find_version(prompt, number) if prompt else None
    if version is None:
        raise Http404("There is no such version.")
    metric = request.POST.get("metric", _DEFAULT_METRIC)
    metric = metric if metric in MEASURES else _DEFAULT_METRIC
    _, made = sharing.share(version=version, metric=metric, at=access.now, actor=access.actor)
    messages.success(request, "It is shared now." if made else "It was shared already.")
    return redirect(page_url("entries", access))


@require_POST
@portal_page(WORKERS)
def adopt_entry(request: HttpRequest, access: Access, entry_id: str) -> HttpResponse:
    """Take an entry over into the application named."""
    entry = _find(entry_id)
    application = organizations.find_application(request.POST.get("application", "")[:100].replace("\x00", ""))
    if application is None:
        messages.error(request, "Choose the application that adopts it.")
        return redirect(page_url("entries", access))
    try:
        adopted = adopt(entry=entry, application=application, at=access.now, actor=access.actor)
    except (BadPrompt, ValueError) as error:
        messages.error(request, str(error))
        return redirect(page_url("entries", access))
    if adopted.improvement is not None:
        return redirect("improvement", improvement_id=adopted.improvement.public_id)
    version = adopted.adoption.version
    messages.success(
        request, f"{application.name} has its own copy, {version.prompt.name}. Its next version is measured against it."
    )
    return redirect("prompt", name=version.prompt.name)


@require_POST
@portal_page(WORKERS)
def withdraw_entry(request: HttpRequest, access: Access, entry_id: str) -> HttpResponse:
    """Offer it no longer."""
    sharing.withdraw(entry=_find(entry_id), at=access.now, actor=access.actor)
    return redirect(page_url("entries", access))


def _find(entry_id: str) -> LibraryEntry:
    entry = find_entry(entry_id)
    if entry is None:
        raise Http404("There is no such entry.")
    return entry


def _row(entry: LibraryEntry, effects: list[Effect], *, may: bool) -> dict[str, Any]:
    prompt = entry.version.prompt
    return {
        "title": entry.title,
        "description": entry.description,
        "tags": entry.tags,
        "origin": f"{prompt.name} version {entry.version.number}",
        "url": f"{reverse('prompt', args=[prompt.name])}?version={entry.version.number}",
        "metric": entry.metric.replace("_", " "),
        "shared_by": entry.shared_by,
        "shared_at": entry.shared_at,
        "adoptions": [
            {"application": each.application.name, "url": reverse("prompt", args=[each.version.prompt.name]),
             "version": f"{each.version.prompt.name} {each.version.number}"}
            for each in entry.adoptions.all()
        ],
        "effects": [
            {
                "url": reverse("experiment", args=[each.experiment]), "prompt": each.prompt, "state": each.state,
                "metric": each.metric.replace("_", " "), "difference": written_change(each.difference, each.metric),
                "interval": [written_change(bound, each.metric) for bound in each.interval or ()], "units": each.units,
            }
            for each in effects
        ],
        "adopt_url": reverse("adopt_entry", args=[entry.public_id]) if may else None,
        "withdraw_url": reverse("withdraw_entry", args=[entry.public_id]) if may else None,
    }  # fmt: skip
