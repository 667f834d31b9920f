"""The library's pages: prompts, and one prompt with its versions, their difference and where its labels stood."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.library import selectors
from apps.library.domain.prompts import LONGEST, PROTECTED_LABEL, BadPrompt, as_text, diff, variables
from apps.library.models import Prompt, PromptVersion
from apps.library.services import prompts as services
from apps.library.services.labelling import label_by_hand
from apps.organizations.web.access import WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before

_PAGE = 30
_VERSIONS = 50


class PromptForm(forms.Form):
    """A new text prompt with its first version."""

    name = forms.CharField(max_length=100, help_text="Letters, digits, '_', '.' and '-': it stands in addresses.")
    text = forms.CharField(max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 8}), strip=False)
    production = forms.BooleanField(required=False, initial=True, label="Serve it: label it production")


class VersionForm(forms.Form):
    """What the next version says."""

    text = forms.CharField(max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 10}), strip=False)
    note = forms.CharField(max_length=500, required=False, help_text="Why, for whoever reads the history.")


@portal_page()
def prompt_list(request: HttpRequest, access: Access) -> HttpResponse:
    """List prompts, newest first; who works with them writes one."""
    before = read_before(request)
    form = PromptForm(request.POST or None) if access.may(WORKERS) else None
    if request.method == "POST":
        access.require(WORKERS)
        if form is not None and form.is_valid() and (made := _create(form, access)) is not None:
            return redirect("prompt", name=made.prompt.name)
    found = selectors.list_prompts(after=before, limit=_PAGE + 1)
    page, pager = cut_page(found, _PAGE, "prompts", access, before=before)
    context = {
        "rows": [_row(each) for each in page],
        "page": pager,
        "form": form,
        "create_url": reverse("prompts"),
        "empty": {
            "title": "The library is empty",
            "text": "A prompt kept here is served by one GET, tried against another, and taken back in a second.",
        },
    }
    return TemplateResponse(request, "portal/prompts.html", context, status=422 if form and form.errors else 200)


@portal_page()
def prompt(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Show one prompt; who works with it adds a version."""
    found = _find(name)
    versions = selectors.list_versions(found, limit=_VERSIONS)
    shown = _pick(request, versions, "version", versions[0])
    form = VersionForm(request.POST or None, initial={"text": shown.content}) if _may_write(found, access) else None
    if request.method == "POST":
        access.require(WORKERS)
        if form is not None and form.is_valid() and _add(form, found, shown, access):
            return redirect("prompt", name=name)
    against = _pick(request, versions, "against", _before(versions, shown))
    context = {
        "prompt": {
            "name": found.name, "type": found.type, "description": found.description, "tags": found.tags,
            "owner": found.owner,
        },
        "shown": {"number": shown.number, "text": as_text(shown.content), "config": shown.config,
                  "variables": variables(shown.content), "hash": shown.content_hash[:12]},
        "against": against.number if against else None,
        "diff": diff(against.content, shown.content) if against else [],
        "versions": [_version(each, found, access) for each in versions],
        "history": selectors.label_history(found),
        "form": form,
        "form_url": reverse("prompt", args=[name]),
        "share_url": reverse("share_version", args=[name, shown.number]) if access.may(WORKERS) else None,
        "crumbs": [{"label": "Library", "url": page_url("prompts", access)}],
    }  # fmt: skip
    return TemplateResponse(request, "portal/prompt.html", context, status=422 if form and form.errors else 200)


@require_POST
@portal_page(WORKERS)
def label(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """Have a label name this version."""
    version = selectors.find_version(_find(name), number)
    if version is None:
        raise Http404("There is no such version.")
    try:
        waiting = label_by_hand(
            version=version, labels=[request.POST.get("label", PROTECTED_LABEL)], at=access.now, actor=access.actor
        )
    except BadPrompt as error:
        messages.error(request, str(error))
    else:
        if waiting:
            messages.info(request, "Asked for: it moves when a second person puts the same version into production.")
    return redirect("prompt", name=name)


def _create(form: PromptForm, access: Access) -> PromptVersion | None:
    try:
        version, _ = services.create_prompt(
            organization_id=access.organization.id, name=form.cleaned_data["name"], content=form.cleaned_data["text"],
            labels=["production"] if form.cleaned_data["production"] else [], at=access.now, actor=access.actor,
        )  # fmt: skip
    except (BadPrompt, services.PromptExists) as error:
        form.add_error(None, str(error))
        return None
    return version


def _add(form: VersionForm, found: Prompt, parent: PromptVersion, access: Access) -> bool:
    try:
        services.add_version(
            prompt=found, content=form.cleaned_data["text"].replace("\r\n", "\n"), note=form.cleaned_data["note"],
            parent=parent.number, at=access.now, actor=access.actor,
        )  # fmt: skip
    except BadPrompt as error:
        form.add_error("text", str(error))
        return False
    return True


def _may_write(found: Prompt, access: Access) -> bool:
    # Messages have roles, which a text field cannot hold: chat prompts are written through the API.
    return found.type == Prompt.Type.TEXT and access.may(WORKERS)


def _find(name: str) -> Prompt:
    found = selectors.find_prompt(name)
    if found is None:
        raise Http404("There is no such prompt.")
    return found


def _pick(request: HttpRequest, versions: list[PromptVersion], field: str, default: PromptVersion | None) -> Any:
    wanted = request.GET.get(field, "")
    return next((each for each in versions if str(each.number) == wanted), default)


def _before(versions: list[PromptVersion], shown: PromptVersion) -> PromptVersion | None:
    parent = shown.parent if shown.parent is not None else shown.number - 1
    return next((each for each in versions if each.number == parent), None)


def _row(found: Any) -> dict[str, Any]:
    return {
        "name": found.name,
        "url": reverse("prompt", args=[found.name]),
        "description": found.description,
        "tags": found.tags,
        "latest": found.latest,
        "labels": [{"label": each.label, "number": each.version.number} for each in found.standing],
        "owner": found.owner,
        "created_at": found.created_at,
    }


def _version(each: Any, found: Prompt, access: Access) -> dict[str, Any]:
    labels = [standing.label for standing in each.standing]
    may = access.may(WORKERS) and "production" not in labels
    return {
        "number": each.number,
        "url": f"{reverse('prompt', args=[found.name])}?version={each.number}",
        "note": each.note,
        "parent": each.parent,
        "labels": labels,
        "created_by": each.created_by,
        "created_at": each.created_at,
        "label_url": reverse("label_version", args=[found.name, each.number]) if may else None,
    }
