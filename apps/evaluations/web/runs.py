"""Evaluation runs: the list, starting one, one run with its progress."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.evaluations.filtering import BadFilter, parse_time
from apps.evaluations.models import EvaluationRun
from apps.evaluations.selectors.runs import eta_seconds, find_run, list_runs
from apps.evaluations.services import runs
from apps.organizations import selectors as organizations
from apps.organizations.web.access import WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before
from apps.organizations.web.tabs import read_state, state_tabs
from apps.organizations.web.views import show_views
from apps.platform import clock
from apps.platform.templatetags.figures import plain, when

_PAGE = 30


class RunForm(forms.Form):
    """Which conversations to look at again."""

    application = forms.ChoiceField()
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    sample = forms.IntegerField(min_value=1, max_value=100, initial=100, label="Sample, %")

    def __init__(self, *arguments: Any, applications: list[tuple[str, str]], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fields["application"].choices = applications  # type: ignore[attr-defined]


@portal_page()
def run_list(request: HttpRequest, access: Access) -> HttpResponse:
    """List runs, newest first; who works with the data starts one."""
    before = read_before(request)
    choices = [(each.slug, each.name) for each in organizations.list_applications()]
    form = RunForm(request.POST or None, applications=choices) if access.may(WORKERS) and choices else None
    if request.method == "POST":
        access.require(WORKERS)
        if form is not None and form.is_valid():
            started = _start(form, access)
            if started is not None:
                return redirect("run", run_id=started.public_id)
    state = read_state(request, EvaluationRun.Status.values)
    found = list_runs(application_id=access.application_id, before=before, limit=_PAGE + 1, status=state)
    page, pager = cut_page(found, _PAGE, "runs", access, before=before, state=state)
    context = {
        "tabs": state_tabs("runs", access, EvaluationRun.Status.values, state),
        "saved": show_views("runs", access, {"state": state}),
        "rows": [_row(each) for each in page],
        "page": pager,
        "empty": {"title": f"No run is {state}", "text": "Look at another state, or at all of them."}
        if state
        else {"title": "No run yet", "text": "New conversations are analyzed without one, seconds after capture."},
        "start_url": reverse("runs") if form is not None else None,
        "form": form,
    }
    return TemplateResponse(
        request, "portal/runs.html", context, status=422 if form is not None and form.errors else 200
    )


def _start(form: RunForm, access: Access) -> EvaluationRun | None:
    asked = form.cleaned_data
    application = organizations.find_application(asked["application"])
    if application is None:
        raise Http404("There is no such application.")
    try:
        return runs.start_run(
            organization=access.organization,
            application=application,
            at=access.now,
            asked_by=access.actor,
            since=parse_time(asked["since"].isoformat(), "since") if asked["since"] else None,
            until=parse_time(asked["until"].isoformat(), "until") if asked["until"] else None,
            sample=asked["sample"] / 100,
        )
    except (runs.BadRun, BadFilter) as error:
        form.add_error(None, str(error))
        return None


@require_safe
@portal_page()
def run(request: HttpRequest, access: Access, run_id: str) -> HttpResponse:
    """Show one run."""
    found = _find(run_id)
    summary = found.summary or {}
    link = {"since": found.since.date().isoformat() if found.since else None}
    context = {
        "title": f"Run of {when(found.created_at)}",
        "run": _progress(found, access)
        | {
            "application": found.application.name,
            "since": found.since,
            "until": found.until,
            "sample": found.sample / 10_000,
            "asked_by": found.asked_by,
            "created_at": found.created_at,
            "finished_at": found.finished_at,
        },
        "summary": [
            {"label": label, "value": summary[key], "thin": False, "of": "conversations"}
            for key, label in (
                ("conversations", "Looked at"),
                ("current", "Known already"),
                ("attacked", "Attacked"),
                ("leaked", "Leaked"),
                ("escalated", "Escalated"),
                ("upsells", "Upsells"),
            )
            if key in summary
        ]
        if summary
        else None,
        "rows_url": page_url("conversations", access, application=found.application.slug, **link),
        "crumbs": [{"label": "Runs", "url": page_url("runs", access)}],
    }
    return TemplateResponse(request, "portal/run.html", context)


@require_safe
@portal_page()
def progress(request: HttpRequest, access: Access, run_id: str) -> HttpResponse:
    """Answer the poll of a run's progress; once it has ended, the page loads anew with what was found."""
    found = _find(run_id)
    response = TemplateResponse(request, "portal/run_progress.html", {"run": _progress(found, access)})
    if found.finished_at is not None:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@portal_page(WORKERS)
def cancel(request: HttpRequest, access: Access, run_id: str) -> HttpResponse:
    """Stop a run after the shard under way."""
    _find(run_id)
    runs.cancel_run(run_id=run_id, organization_id=access.organization.id, at=access.now, actor=access.actor)
    return redirect("run", run_id=run_id)


def _find(run_id: str) -> EvaluationRun:
    found = find_run(run_id)
    if found is None:
        raise Http404("There is no such run.")
    return found


def _row(found: EvaluationRun) -> dict[str, Any]:
    return {
        "id": found.public_id,
        "url": reverse("run", args=[found.public_id]),
        "status": found.status,
        "created_at": found.created_at,
        "application": found.application.name,
        "analyzers": [plain(name) for name in found.analyzers],
        "done": found.done,
        "total": found.total,
        "failed": found.failed,
        "asked_by": found.asked_by,
    }


def _progress(found: EvaluationRun, access: Access) -> dict[str, Any]:
    live = found.status in {EvaluationRun.Status.QUEUED, EvaluationRun.Status.RUNNING}
    return _row(found) | {
        "eta_s": eta_seconds(found, clock.wall()),
        "progress_url": reverse("run_progress", args=[found.public_id]),
        "cancel_url": reverse("cancel_run", args=[found.public_id]) if live and access.may(WORKERS) else None,
        "error": None,
    }
