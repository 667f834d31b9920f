"""Keyset paging: a cursor is the sort key of the last row, opaque to the caller."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson
from rest_framework.request import Request

from apps.platform.api.problems import Problem

Row = TypeVar("Row")
NOT_OURS = "This cursor was not made here; start without one."


def encode_cursor(key: Sequence[Any]) -> str:
    """Return the opaque form of a sort key."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """Return the sort key of ``length`` parts. Raises a 400 problem for anything else."""
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise Problem(400, "bad_cursor", NOT_OURS) from error
    if not isinstance(key, list) or len(key) != length:
        raise Problem(400, "bad_cursor", "This cursor belongs to another list; start without one.")
    return key


def read_place(request: Request) -> int | None:
    """Return the id after which the list goes on, None for its beginning. Raises a 400 problem."""
    if not (cursor := request.query_params.get("cursor")):
        return None
    (place,) = decode_cursor(cursor, 1)
    if not isinstance(place, int):
        raise Problem(400, "bad_cursor", NOT_OURS)
    return place


def cut_page(
    request: Request, found: Sequence[Row], *, size: int, key: Callable[[Row], Sequence[Any]]
) -> tuple[Sequence[Row], str | None]:
    """Return the page and the address of the next one: ``found`` holds one row more than ``size`` if there is one."""
    page = found[:size]
    if len(found) <= size:
        return page, None
    query = request._request.GET.copy()
    query["cursor"] = encode_cursor(key(page[-1]))
    return page, request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
