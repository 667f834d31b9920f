"""The board of improvements: a column by who must act next; all of them as a list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from apps.improvements.models import Improvement
from apps.improvements.selectors.board import (
    CLOSED,
    COLUMNS,
    Wanted,
    count_columns,
    first_of_columns,
    list_wanted,
)
from apps.improvements.web.cards import cards
from apps.organizations.web.access import Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before
from apps.organizations.web.tabs import read_state
from apps.organizations.web.views import show_views
from apps.platform.templatetags.figures import number

_PAGE = 30
_A_COLUMN = 8
State = Improvement.State
# What each column is called, what stands in it, and what it says where nothing does.
_WORDS = {
    "proposed": ("Proposed", "starts by itself, as auto_fix says", "Nothing is about to start by itself."),
    "waiting": ("Waits for approval", "a person decides", "Nothing waits for a person."),
    "running": ("Running", "approved, or tried on users drawn by lot", "Nothing is being tried."),
    "decided": ("Decided", "what it did, measured", "Nothing is decided yet: a verdict takes a week at least."),
    CLOSED: ("Rejected and retired", "not tried, or taken back", "Nothing was rejected or taken back."),
}
_CHOICES: dict[str, list[tuple[str, str]]] = {
    "policy": [("manual_review", "a person approves"), ("auto_fix", "starts by itself")],
    "path": [("experiment", "tried by lot"), ("security", "for everybody at once")],
}


@require_safe
@portal_page()
def improvement_list(request: HttpRequest, access: Access) -> HttpResponse:
    """Show the board, or with ``view=list`` or a state a list, newest first. Filters stand in the address."""
    asked = _asked(request)
    state, column = read_state(request, State.values), read_state(request, COLUMNS, "column")
    as_list = read_state(request, ["list"], "view") == "list" or bool(state)
    kept = asked | ({"view": "list", "state": state, "column": column} if as_list else {})
    wanted = Wanted(application_id=access.application_id, **asked)
    by_state = count_columns(wanted)
    counts = {name: sum(each.values()) for name, each in by_state.items()}
    # On a phone one column stands at a time: the one asked for, else where somebody must act.
    shown = column if column or as_list else _first_to_look_at(counts)
    context: dict[str, Any] = {
        "views": [
            {"label": label, "url": page_url("improvements", access, **asked, view=view), "current": as_list == listed}
            for label, view, listed in (("Board", "", False), ("List", "list", True))
        ],
        "tabs": _tabs(access, asked, shown, counts, as_list=as_list),
        "saved": show_views("improvements", access, kept),
        "filters": kept,
        "choices": _CHOICES,
        "states": [(each, each.replace("_", " ")) for each in State.values] if as_list else [],
        "hidden": {name: kept[name] for name in ("view", "column") if kept.get(name)} | _application(access),
        "clear_url": page_url("improvements", access, view=kept.get("view")) if any((*asked.values(), state)) else None,
        "lede": _lede(by_state),
        "empty": _empty(filtered=any((*asked.values(), state, kept.get("column")))),
    }  # fmt: skip
    if as_list:
        context |= _list(request, access, replace(wanted, state=state, column=column), kept)
    elif any(counts.values()):
        context |= _board(access, wanted, asked, counts, shown)
    return TemplateResponse(request, "portal/improvements.html", context)


@require_safe
@portal_page()
def column(request: HttpRequest, access: Access) -> HttpResponse:
    """Show what comes next in a column, to be put in the place of its "more"."""
    asked, name = _asked(request), read_state(request, COLUMNS, "column")
    if not name:
        raise BadRequest("Name the column.")
    wanted = Wanted(application_id=access.application_id, column=name, **asked)
    found = list_wanted(wanted, before=read_before(request), limit=_A_COLUMN + 1)
    context = {
        "rows": cards(found[:_A_COLUMN], access),
        "more": _more(access, asked, name, found[_A_COLUMN - 1].id) if len(found) > _A_COLUMN else None,
        "continued": True,
    }
    return TemplateResponse(request, "portal/improvement_cards.html", context)


def _asked(request: HttpRequest) -> dict[str, str]:
    return {name: read_state(request, list(dict(choices)), name) for name, choices in _CHOICES.items()}


def _application(access: Access) -> dict[str, str]:
    return {"application": access.application.slug} if access.application else {}


def _first_to_look_at(counts: dict[str, int]) -> str:
    return next((name for name in ("waiting", "running", "decided", "proposed") if counts[name]), "waiting")


def _tabs(
    access: Access, asked: dict[str, str], shown: str, counts: dict[str, int], *, as_list: bool
) -> list[dict[str, Any]]:
    columns = [(name, f"{_WORDS[name][0]} {number(counts[name])}") for name in COLUMNS]
    view = "list" if as_list else ""
    return [
        {
            "label": label,
            "url": page_url("improvements", access, **asked, view=view, column=name),
            "current": name == shown,
        }
        for name, label in ([("", "All"), *columns] if as_list else columns)
    ]


def _board(access: Access, wanted: Wanted, asked: dict[str, str], counts: dict[str, int], shown: str) -> dict[str, Any]:
    found = first_of_columns(wanted, each=_A_COLUMN)
    told = {each["id"]: each for each in cards([row for rows in found.values() for row in rows], access)}
    columns = [
        {
            "name": name, "label": label, "note": note, "nothing": nothing, "n": counts[name],
            "rows": [told[each.public_id] for each in found[name]],
            "more": _more(access, asked, name, found[name][-1].id) if counts[name] > len(found[name]) else None,
            "shown": name == shown,
        }
        for name, (label, note, nothing) in _WORDS.items()
    ]  # fmt: skip
    return {"columns": columns[:-1], "closed": columns[-1]}


def _more(access: Access, asked: dict[str, str], name: str, before: int) -> dict[str, str]:
    """Return where a column goes on: as a part of the page, and, without scripts, as a list."""
    return {
        "part": page_url("improvements_column", access, **asked, column=name, before=before),
        "url": page_url("improvements", access, **asked, view="list", column=name, before=before),
    }


def _list(request: HttpRequest, access: Access, wanted: Wanted, kept: dict[str, str]) -> dict[str, Any]:
    before = read_before(request)
    found = list_wanted(wanted, before=before, limit=_PAGE + 1)
    page, pager = cut_page(found, _PAGE, "improvements", access, before=before, **kept)
    return {"rows": cards(page, access), "page": pager}


def _lede(counts: dict[str, dict[str, int]]) -> str:
    """Say in a sentence what the board comes to."""
    waiting, running = (sum(counts[name].values()) for name in ("waiting", "running"))
    decided = counts["decided"]
    told = [
        f"{waiting or 'Nothing'} wait{'s' if waiting < 2 else ''} for a person",
        f"{running or 'nothing'} {'is' if running < 2 else 'are'} under way",
    ]
    kept = decided.get(State.WON, 0) + decided.get(State.DEPLOYED, 0)
    if total := sum(decided.values()):
        told.append(f"of {total} decided, {kept or 'none'} {'is' if kept < 2 else 'are'} in production")
    return "; ".join(told) + "."


def _empty(*, filtered: bool) -> dict[str, Any]:
    if filtered:
        return {"title": "No improvement fits", "text": "Take a filter away, or look at all of them."}
    return {
        "title": "Nothing is proposed",
        "text": "When a trigger fires, the playbook proposes a change here, with its reason and the difference. What "
        "waits for a person, what runs and what it did each have a column.",
    }
