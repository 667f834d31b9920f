"""Errors as application/problem+json (RFC 9457), each with a stable ``code`` and the request's id."""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from psycopg_pool import PoolTimeout
from rest_framework import exceptions, status
from rest_framework.response import Response

TRANSIENT = (OperationalError, InterfaceError, PoolTimeout)


class Problem(exceptions.APIException):
    """An error with a status, a stable code and a sentence for the caller; ``extra`` joins the body."""

    def __init__(self, status_code: int, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail, code)
        self.status_code = status_code
        self.code = code
        self.extra = extra


def request_id() -> str:
    """Return the id django-structlog gave this request, or an empty string outside one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def problem_body(status_code: int, code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """Return the body every error has."""
    return {
        "type": "about:blank",
        "title": code.replace("_", " ").capitalize(),
        "status": status_code,
        "code": code,
        "detail": detail,
        "request_id": request_id(),
        **extra,
    }


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception into its problem; transient database trouble is 503, everything unknown stays an error."""
    extra: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, Http404):
        status_code, code, detail = 404, "not_found", "There is no such thing in this organization."
    elif isinstance(error, PermissionDenied):
        status_code, code, detail = 403, "forbidden", str(error) or "This is not allowed."
    elif isinstance(error, TRANSIENT):
        status_code, code, detail = 503, "temporarily_unavailable", "The database cannot be reached; try again."
        headers["Retry-After"] = "2"
    elif isinstance(error, Problem):
        status_code, code, detail, extra = error.status_code, error.code, str(error.detail), error.extra
    elif isinstance(error, exceptions.ValidationError):
        status_code, code, detail = 422, "invalid", "Some fields are not as they should be."
        extra["errors"] = error.detail
    elif isinstance(error, exceptions.APIException):
        status_code, code, detail = error.status_code, _code(error), str(error.detail)
        if (wait := getattr(error, "wait", None)) is not None:
            headers["Retry-After"] = str(int(wait) + 1)
        if status_code == status.HTTP_401_UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
    else:
        return None
    if retry := extra.pop("retry_after", None):
        headers["Retry-After"] = str(retry)
    body = problem_body(status_code, code, detail, **extra)
    return Response(body, status=status_code, headers=headers, content_type="application/problem+json")


def _code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else "invalid"


def problem_page(request: HttpRequest, status_code: int, code: str, detail: str) -> HttpResponse:
    """The same problem outside a REST view (unknown URL, unexpected fault)."""
    body = orjson.dumps(problem_body(status_code, code, detail))
    return HttpResponse(body, status=status_code, content_type="application/problem+json")
