"""Reading JSON bodies: what is not of the shape asked for is a 422 problem that names the field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework.request import Request

from apps.platform import clock
from apps.platform.api.problems import Problem

REASON_CHARACTERS = 500


def read_object(request: Request, code: str) -> dict[str, Any]:
    """Return the body. Raises a problem of this code for anything but an object."""
    if not isinstance(request.data, dict):
        raise Problem(422, code, "Send a JSON object.")
    return request.data


def read_text(body: Mapping[str, Any], field: str, code: str, *, longest: int, default: str = "") -> str:
    """Return a field's text, or the default where it is missing or null. Raises a problem of this code."""
    value = body.get(field)
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > longest or "\x00" in value:
        raise Problem(422, code, f"{field} is a text of at most {longest:,} characters.")
    return value


def read_reason(request: Request) -> str:
    """Return why somebody does something; empty where they did not say."""
    body = request.data if isinstance(request.data, dict) else {}
    return read_text(body, "reason", "bad_reason", longest=REASON_CHARACTERS)


def read_time(value: object, field: str, code: str = "bad_time") -> datetime:
    """Return the moment a field says. Raises a problem of this code for what is none, or none to calculate with."""
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not clock.is_usable(moment):
        raise Problem(422, code, f"`{field}` must be an ISO 8601 time with its zone.")
    return moment
