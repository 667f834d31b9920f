"""Saved views of lists: shown above a list, kept, renamed, shared and removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.organizations import selectors
from apps.organizations.models import SavedView
from apps.organizations.services import views as services
from apps.organizations.web.access import ADMINISTRATORS, WORKERS, Access, portal_page


def show_views(page: str, access: Access, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what components/saved_views.html shows above the list ``page``, filtered as ``asked``. One query."""
    query = _query(asked, access)
    rows = [_row(view, access, query) for view in selectors.saved_views(page=page, member_id=access.membership.id)]
    return {
        "rows": rows,
        "current": next((row for row in rows if row["current"]), None),
        "page": page,
        "query": query,
        "save_url": reverse("save_view"),
        "may_share": access.may(WORKERS),
        "longest": services.LONGEST_NAME,
    }


@require_POST
@portal_page()
def save(request: HttpRequest, access: Access) -> HttpResponse:
    """Keep the filters of the list the form stands on."""
    page, query = request.POST.get("page", ""), request.POST.get("query", "")
    shared = request.POST.get("shared") == "on"
    if shared:
        access.require(WORKERS)
    if page not in services.PAGES:
        raise BadRequest("There is no such list.")
    try:
        view = services.save_view(
            member=access.membership, page=page, name=request.POST.get("name", ""), query=query, shared=shared,
            at=access.now, actor=access.actor,
        )  # fmt: skip
    except services.BadView as error:
        messages.error(request, str(error))
        return redirect(_address(page, urlencode(parse_qsl(query))))
    messages.success(request, f"Kept as “{view.name}”{', for everybody' if view.shared else ''}.")
    return redirect(_address(page, view.query))


@require_POST
@portal_page()
def act(request: HttpRequest, access: Access, view_id: str, action: str) -> HttpResponse:
    """Rename, share, keep to oneself or remove a view: one's own; administrators, whatever is shared."""
    view = selectors.find_view(view_id, member_id=access.membership.id)
    if view is None or action not in {"rename", "share", "unshare", "remove"}:
        raise Http404("There is no such view.")
    if view.member_id != access.membership.id:
        access.require(ADMINISTRATORS)
    if view.shared or action == "share":
        access.require(WORKERS)
    try:
        _do(view, action, request.POST.get("name", ""), access)
    except services.BadView as error:
        messages.error(request, str(error))
    return redirect(_address(view.page, "" if action == "remove" else view.query))


def _do(view: SavedView, action: str, name: str, access: Access) -> None:
    if action == "rename":
        services.rename_view(view=view, name=name, at=access.now, actor=access.actor)
    elif action == "remove":
        services.remove_view(view=view, at=access.now, actor=access.actor)
    else:
        services.share_view(view=view, shared=action == "share", at=access.now, actor=access.actor)


def _row(view: SavedView, access: Access, query: str) -> dict[str, Any]:
    own = view.member_id == access.membership.id
    may_change = (own or access.may(ADMINISTRATORS)) and (not view.shared or access.may(WORKERS))
    return {
        "name": view.name,
        "url": _address(view.page, view.query),
        "current": sorted(parse_qsl(view.query)) == sorted(parse_qsl(query)),
        "shared": view.shared,
        "by": "" if own else view.member.user.email,
        "urls": {
            action: reverse("act_on_view", args=[view.public_id, action])
            for action in ("rename", "unshare" if view.shared else "share", "remove")
            if action != "share" or access.may(WORKERS)
        }
        if may_change
        else {},
    }


def _query(asked: Mapping[str, str], access: Access) -> str:
    chosen = {"application": access.application.slug} if access.application else {}
    return urlencode(chosen | {name: value for name, value in asked.items() if value})


def _address(page: str, query: str) -> str:
    return reverse(page) + (f"?{query}" if query else "")
