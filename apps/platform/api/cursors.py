"""Keyset paging: a cursor is the sort key of the last row, opaque to the caller."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from apps.platform.api.problems import Problem


def encode_cursor(key: Sequence[Any]) -> str:
    """Return the opaque form of a sort key."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """Return the sort key of ``length`` parts. Raises a 400 problem for anything else."""
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise Problem(400, "bad_cursor", "This cursor was not made here; start without one.") from error
    if not isinstance(key, list) or len(key) != length:
        raise Problem(400, "bad_cursor", "This cursor belongs to another list; start without one.")
    return key
