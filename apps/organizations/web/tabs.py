"""Tabs over a list: all of it, or what is in one state. The state stands in the address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest

from apps.organizations.web.access import Access, page_url


def read_state(request: HttpRequest, states: Sequence[str], name: str = "state") -> str:
    """Return the state asked for, "" for all. Raises BadRequest for one that there is not."""
    state = request.GET.get(name, "")
    if state and state not in states:
        raise BadRequest("There is no such state.")
    return state


def state_tabs(
    page: str, access: Access, states: Sequence[str], current: str, name: str = "state"
) -> list[dict[str, Any]]:
    """Return what components/tabs.html shows: a tab for all, and one a state."""
    return [
        {
            "label": (state or "all").replace("_", " ").capitalize(),
            "url": page_url(page, access, **{name: state}),
            "current": state == current,
        }
        for state in ("", *states)
    ]
