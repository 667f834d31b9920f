"""Response templates: candidates to be read, what is served, what no longer is; one, and what is decided about it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.evaluations.web.conversations import csv_response
from apps.library.domain.templates import (
    LEAST_SCORE,
    LONGEST,
    LONGEST_NAME,
    LONGEST_REASON,
    MOST_TAGS,
    BadTemplate,
)
from apps.library.exports import templates_csv
from apps.library.models import ResponseTemplate
from apps.library.selectors import templates as selectors
from apps.library.selectors.templates import Wanted
from apps.library.services import templates as services
from apps.organizations.services.reading import note_export
from apps.organizations.web.access import READERS, WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before
from apps.organizations.web.tabs import read_state
from apps.platform import work

_PAGE = 30
_EXCERPT = 240
_LONGEST_WORDS = 200
_Status = ResponseTemplate.Status
_TABS = {
    _Status.APPROVED: "Served", _Status.CANDIDATE: "Candidates", _Status.RETIRED: "Retired",
    _Status.DISMISSED: "Dismissed",
}  # fmt: skip
_SUBMIT = {_Status.APPROVED: "Serve it as changed", _Status.RETIRED: "Serve it again"}


class ApprovalForm(forms.Form):
    """What is to be served, and why."""

    name = forms.CharField(max_length=LONGEST_NAME, help_text="What applications ask for it by.")
    text = forms.CharField(
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Read it for names that were not masked: it is served as it stands here.",
    )
    tags = forms.CharField(max_length=1_100, required=False, help_text=f"Up to {MOST_TAGS}, with commas between them.")
    reason = forms.CharField(max_length=LONGEST_REASON, help_text="Why, for whoever reads the audit trail.")


@require_safe
@portal_page(READERS)
def template_list(request: HttpRequest, access: Access) -> HttpResponse:
    """List templates of one state, newest first; what is served unless another is asked for."""
    before, wanted = read_before(request), _wanted(request, access)
    found = selectors.list_templates(wanted, before=before, limit=_PAGE + 1)
    counts = selectors.count_templates(access.application_id)
    asked = _asked(wanted)
    page, pager = cut_page(found, _PAGE, "templates", access, before=before, **asked)
    looking = access.may(WORKERS) and bool(work.waiting_keys(services.KIND))
    context = {
        "state_tabs": [
            {"label": f"{label} {counts[status]:,}", "url": page_url("templates", access, **_tab(status)),
             "current": status == wanted.status}
            for status, label in _TABS.items()
        ],
        "rows": [_row(each, access) for each in page],
        "status": wanted.status,
        "page": pager,
        "words": wanted.words,
        "tag": wanted.tag,
        "untagged_url": page_url("templates", access, **{**asked, "tag": ""}),
        "hidden": {
            **({"application": access.application.slug} if access.application else {}),
            **{key: value for key, value in asked.items() if key != "q"},
        },
        "csv_url": page_url("templates_csv", access, **asked) if page else "",
        "find_url": page_url("find_templates", access) if access.may(WORKERS) and not looking else None,
        "looking": looking,
        "least_score": LEAST_SCORE,
        "empty": _empty(wanted, counts, access),
    }  # fmt: skip
    return TemplateResponse(request, "portal/templates.html", context)


@portal_page(READERS)
def template(request: HttpRequest, access: Access, template_id: str) -> HttpResponse:
    """Show one template; who works with them serves it as it is named and edited here."""
    found = _find(template_id)
    form = None
    if request.method == "POST":
        access.require(WORKERS)
    if access.may(WORKERS) and found.status != _Status.DISMISSED:
        given = {"name": found.name, "text": found.text, "tags": ", ".join(found.tags)}
        form = ApprovalForm(request.POST or None, initial=given)
    if request.method == "POST" and form is not None and form.is_valid() and _approve(form, found, access):
        messages.success(request, f"{form.cleaned_data['name']} is served.")
        return redirect(page_url("template", access, template_id))
    context = {
        "template": _shown(found, access),
        "form": form,
        "form_url": page_url("template", access, template_id),
        "submit": _SUBMIT.get(_Status(found.status), "Approve and serve"),
        "end_url": _end_url(found, access),
        "crumbs": [
            {"label": "Response templates", "url": page_url("templates", access, **_tab(found.status))},
        ],
    }  # fmt: skip
    return TemplateResponse(request, "portal/template.html", context, status=422 if form and form.errors else 200)


@require_POST
@portal_page(WORKERS)
def act(request: HttpRequest, access: Access, template_id: str, action: str) -> HttpResponse:
    """Dismiss a candidate, or serve a template no longer."""
    found = _find(template_id)
    if action not in {"dismiss", "retire"}:
        raise Http404("There is no such action.")
    change = services.dismiss if action == "dismiss" else services.retire
    try:
        change(template=found, reason=request.POST.get("reason", ""), at=access.now, actor=access.actor)
    except (BadTemplate, services.TemplateRefused) as error:
        messages.error(request, str(error))
        return redirect(page_url("template", access, template_id))
    return redirect(page_url("templates", access, **_tab(found.status)))


@require_POST
@portal_page(WORKERS)
def find_candidates(request: HttpRequest, access: Access) -> HttpResponse:
    """Have the newest conversations looked through for candidates: of the application, or of all."""
    for each in [access.application] if access.application else access.applications:
        services.ask_templates(each)
    messages.info(request, "Looking: candidates appear here within a minute or so.")
    return redirect(page_url("templates", access, **_tab(_Status.CANDIDATE)))


@require_safe
@portal_page(READERS, in_tenant=False)
def templates_file(request: HttpRequest, access: Access) -> StreamingHttpResponse:
    """Stream the templates of a list as CSV."""
    wanted = _wanted(request, access)
    note_export(
        organization=access.organization, at=access.now, actor=access.actor,
        filters=_asked(wanted) | {"of": "response templates"},
    )  # fmt: skip
    return csv_response(templates_csv(wanted, organization_id=access.organization.id), "response-templates")


def _wanted(request: HttpRequest, access: Access) -> Wanted:
    def word(name: str) -> str:
        return request.GET.get(name, "").replace("\x00", "").strip()[:_LONGEST_WORDS]

    status = read_state(request, _Status.values, "status") or _Status.APPROVED
    return Wanted(application_id=access.application_id, status=status, tag=word("tag"), words=word("q"))


def _asked(wanted: Wanted) -> dict[str, str]:
    given = {**_tab(wanted.status), "tag": wanted.tag, "q": wanted.words}
    return {key: value for key, value in given.items() if value}


def _tab(status: str) -> dict[str, str]:
    return {} if status == _Status.APPROVED else {"status": str(status)}


def _empty(wanted: Wanted, counts: dict[str, int], access: Access) -> dict[str, Any]:
    if wanted.words or wanted.tag:
        return {"title": "Nothing fits", "text": "No template in this state has these words and this tag."}
    what = (
        f"A template is a reply of a conversation that scored {LEAST_SCORE:g} or better, was resolved without a person"
        " taking over, and in which nothing was found; names and personal data are masked."
    )
    waiting = counts[_Status.CANDIDATE]
    if wanted.status == _Status.APPROVED and waiting:
        stand = "1 candidate waits" if waiting == 1 else f"{waiting:,} candidates wait"
        return {
            "title": "No response template is served yet",
            "text": f"{what} {stand} to be read.",
            "action": {"label": "Read the candidates", "url": page_url("templates", access, status="candidate")},
        }
    titles = {
        _Status.APPROVED: "No response templates yet", _Status.CANDIDATE: "No candidate waits",
        _Status.RETIRED: "None was retired", _Status.DISMISSED: "None was dismissed",
    }  # fmt: skip
    return {
        "title": titles[_Status(wanted.status)],
        "text": f"{what} Each turn of the wheel looks for them in the newest seven days."
        if wanted.status in (_Status.APPROVED, _Status.CANDIDATE)
        else "",
    }


def _row(each: ResponseTemplate, access: Access) -> dict[str, Any]:
    return {
        "url": page_url("template", access, each.public_id),
        "name": each.name,
        "id": each.public_id,
        "text": each.text[:_EXCERPT] + ("…" if len(each.text) > _EXCERPT else ""),
        "tags": [(tag, page_url("templates", access, **_tab(each.status), tag=tag)) for tag in each.tags],
        "application": each.application.name,
        "prompt_version": each.prompt_version,
        "said_at": each.said_at,
        "conversations": each.conversations,
        "users": each.users,
        "score": each.score,
        "by": each.retired_by or each.decided_by,
        "at": each.retired_at or each.decided_at,
        "reason": each.retired_reason or each.reason,
    }


def _shown(found: ResponseTemplate, access: Access) -> dict[str, Any]:
    return {
        **_row(found, access),
        "title": found.name or ("Dismissed" if found.status == _Status.DISMISSED else "A candidate"),
        "status": found.status,
        "whole": found.text,
        "spans": [],
        "question": found.question,
        "session_id": found.session_id,
        "session_url": page_url("conversations", access, q=found.session_id) if found.session_id else None,
        "proposed_at": found.proposed_at,
        "decided_by": found.decided_by,
        "decided_at": found.decided_at,
        "reason": found.reason,
        "retired_by": found.retired_by,
        "retired_at": found.retired_at,
        "retired_reason": found.retired_reason,
    }


def _approve(form: ApprovalForm, found: ResponseTemplate, access: Access) -> bool:
    given = form.cleaned_data
    try:
        services.approve(
            template=found, name=given["name"], text=given["text"], tags=given["tags"].split(","),
            reason=given["reason"], at=access.now, actor=access.actor,
        )  # fmt: skip
    except (BadTemplate, services.TemplateRefused) as error:
        form.add_error(None, str(error))
        return False
    return True


def _end_url(found: ResponseTemplate, access: Access) -> dict[str, str] | None:
    """Return how it ends, for who may end it: a candidate is dismissed, what is served is retired."""
    action = {_Status.CANDIDATE: "dismiss", _Status.APPROVED: "retire"}.get(_Status(found.status))
    if action is None or not access.may(WORKERS):
        return None
    return {"action": action, "url": reverse("act_on_template", args=[found.public_id, action])}


def _find(template_id: str) -> ResponseTemplate:
    found = selectors.find_template(template_id)
    if found is None:
        raise Http404("There is no such template.")
    return found
