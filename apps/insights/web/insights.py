"""The board of insights: what goes on, by how far people are with it; lists by state; what people do with one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.insights.domain.signals import KINDS, SEVERITIES
from apps.insights.exports import insights_csv
from apps.insights.models import Insight
from apps.insights.selectors import insights as selectors
from apps.insights.selectors.insights import LIVE, STATES, Wanted
from apps.insights.services import attending
from apps.insights.web.words import KIND_WORDS, write_figures
from apps.organizations.models import Membership
from apps.organizations.web.access import WORKERS, Access, page_url, portal_page
from apps.organizations.web.forms import sentence
from apps.organizations.web.paging import cut_page, read_before
from apps.organizations.web.tabs import read_state
from apps.organizations.web.views import show_views

_PAGE = 30
_A_COLUMN = 12
State = Insight.State
_COLUMNS = (
    (State.OPEN, "Open", "nobody has said they saw it"),
    (State.ACKNOWLEDGED, "Acknowledged", "seen, not given to a team"),
    (State.ASSIGNED, "Assigned", "a team has it"),
)
_CHOICES: dict[str, list[tuple[str, str]]] = {
    "severity": [(word, word) for word in reversed(SEVERITIES)],
    "kind": [(word, KIND_WORDS[word]) for word in KINDS],
    "team": [(word, word) for word in Membership.Team.values],
}


@require_safe
@portal_page()
def insight_list(request: HttpRequest, access: Access) -> HttpResponse:
    """Show the board, or with ``state`` a list, newest first. Filters stand in the address."""
    asked = _asked(request)
    state = read_state(request, State.values)
    context: dict[str, Any] = {
        "tabs": _tabs(access, asked, state),
        "saved": show_views("insights", access, asked | {"state": state}),
        "filters": asked,
        "choices": _CHOICES,
        "hidden": ({"state": state} if state else {})
        | ({"application": access.application.slug} if access.application else {}),
        "csv_url": page_url("insights_csv", access, **asked, state=state),
        "clear_url": page_url("insights", access, state=state) if any(asked.values()) else None,
        "empty": _empty(access, filtered=bool(any(asked.values()) or state)),
    }
    context |= _list(request, access, asked, state) if state else _board(access, asked)
    return TemplateResponse(request, "portal/insights.html", context)


@require_safe
@portal_page(in_tenant=False)
def insights_file(request: HttpRequest, access: Access) -> StreamingHttpResponse:
    """Stream the insights of a list, or of the board, as CSV."""
    asked, state = _asked(request), request.GET.get("state", "") or LIVE
    if state not in STATES:
        raise BadRequest("There is no such state.")
    wanted = Wanted(application_id=access.application_id, state=state, **asked)
    response = StreamingHttpResponse(
        insights_csv(wanted, organization_id=access.organization.id), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="insights.csv"'
    return response


@require_POST
@portal_page(WORKERS)
def acknowledge(request: HttpRequest, access: Access, insight_id: str) -> HttpResponse:
    """Say that it was seen."""
    try:
        attending.acknowledge(insight_id=find(insight_id).id, at=access.now, actor=access.actor)
    except attending.NotNow as error:
        messages.error(request, sentence(error))
    return redirect("insight", insight_id=insight_id)


@require_POST
@portal_page(WORKERS)
def assign(request: HttpRequest, access: Access, insight_id: str) -> HttpResponse:
    """Give it to a team."""
    found = find(insight_id)
    try:
        attending.assign(
            insight_id=found.id, team=request.POST.get("team", ""), at=access.now, actor=access.actor
        )  # fmt: skip
    except (attending.NotNow, ValueError) as error:
        messages.error(request, sentence(error))
    return redirect("insight", insight_id=insight_id)


@require_POST
@portal_page(WORKERS)
def comment(request: HttpRequest, access: Access, insight_id: str) -> HttpResponse:
    """Say something about it."""
    try:
        attending.comment(
            insight=find(insight_id), text=request.POST.get("text", ""), at=access.now, actor=access.actor
        )
    except ValueError as error:
        messages.error(request, sentence(error))
    return redirect("insight", insight_id=insight_id)


def find(insight_id: str) -> Insight:
    """Return the insight of this id. Raises Http404."""
    found = selectors.find_insight(insight_id)
    if found is None:
        raise Http404("There is no such insight.")
    return found


def row(found: Insight, access: Access) -> dict[str, Any]:
    """Return an insight as lists show it."""
    return {
        "id": found.public_id,
        "url": page_url("insight", access, found.public_id),
        "statement": found.statement,
        "severity": found.severity,
        "kind": KIND_WORDS[found.kind],
        "application": found.application.name,
        "state": found.state,
        "team": found.team,
        "since": found.since,
        "times_seen": found.times_seen,
        "worsening": found.course == Insight.Course.WORSENING,
        "resolved_at": found.resolved_at,
        **write_figures(found.figures, found.kind, access.organization.currency),
    }


def open_insights(access: Access, *, limit: int) -> list[dict[str, Any]]:
    """Return the gravest insights that nobody has acknowledged, as rows."""
    wanted = Wanted(application_id=access.application_id, state=State.OPEN)
    return [row(each, access) for each in selectors.gravest(wanted, limit=limit)]


def _asked(request: HttpRequest) -> dict[str, str]:
    asked = {name: request.GET.get(name, "") for name in _CHOICES}
    for name, value in asked.items():
        if value and value not in dict(_CHOICES[name]):
            raise BadRequest(f"There is no such {name}.")
    return asked


def _tabs(access: Access, asked: dict[str, str], state: str) -> list[dict[str, Any]]:
    words = [("", "Board"), *((value, label) for value, label, _ in _COLUMNS), (State.RESOLVED, "Resolved")]
    return [
        {"label": label, "url": page_url("insights", access, **asked, state=value), "current": value == state}
        for value, label in words
    ]


def _board(access: Access, asked: dict[str, str]) -> dict[str, Any]:
    found = selectors.gravest(Wanted(application_id=access.application_id, state=LIVE, **asked), limit=1000)
    by_state: dict[str, list[Insight]] = {state: [] for state, *_ in _COLUMNS}
    for each in found:
        by_state[each.state].append(each)
    return {
        "columns": [
            {
                "label": label,
                "note": note,
                "n": len(by_state[state]),
                "rows": [row(each, access) for each in by_state[state][:_A_COLUMN]],
                "more": max(0, len(by_state[state]) - _A_COLUMN),
                "url": page_url("insights", access, **asked, state=state),
            }
            for state, label, note in _COLUMNS
        ]
        if found
        else []
    }


def _list(request: HttpRequest, access: Access, asked: dict[str, str], state: str) -> dict[str, Any]:
    before = read_before(request)
    wanted = Wanted(application_id=access.application_id, state=state, **asked)
    found = selectors.list_insights(wanted, before=before, limit=_PAGE + 1)
    page, pager = cut_page(found, _PAGE, "insights", access, before=before, state=state, **asked)
    return {"rows": [row(each, access) for each in page], "page": pager}


def _empty(access: Access, *, filtered: bool) -> dict[str, Any]:
    if filtered:
        return {"title": "No insight fits", "text": "Take a filter away, or look at another state."}
    return {
        "title": "Nothing goes on that was found",
        "text": "Each turn of the wheel looks at its period: thresholds crossed, patterns, trends, what goes with "
        "success, odd days, drift. What it finds stands here until it is gone.",
        "action": {"label": "The turns of the wheel", "url": reverse("cycles")},
    }
