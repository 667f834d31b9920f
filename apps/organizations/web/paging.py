"""Pages of a list, newest first: the address holds the id before which a page begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from django.core.exceptions import BadRequest
from django.http import HttpRequest

from apps.organizations.web.access import Access, page_url


class Numbered(Protocol):
    """A row with an id that grows."""

    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=Numbered)


def read_before(request: HttpRequest) -> int | None:
    """Return the id before which the page begins, None for the newest. Raises BadRequest."""
    before = request.GET.get("before", "")
    if before and not before.isdecimal():
        raise BadRequest("This page was not linked from here.")
    return int(before) if before else None


def cut_page(
    found: Sequence[Row],
    size: int,
    name: str,
    access: Access,
    *,
    before: int | None,
    arguments: Sequence[Any] = (),
    **query: Any,
) -> tuple[Sequence[Row], dict[str, Any]]:
    """Return the rows to show, and the pager (see components/pager.html) of the page ``name`` with its ``arguments``.

    ``found`` holds one row more than ``size`` if there are older ones; ``query`` is what else the address keeps.
    """
    page = found[:size]
    return page, {
        "newer": page_url(name, access, *arguments, **query) if before is not None else None,
        "older": page_url(name, access, *arguments, before=page[-1].id, **query) if len(found) > size else None,
        "note": "",
    }
