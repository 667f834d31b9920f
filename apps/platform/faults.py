"""Errors outside a view: problem+json under /api/, the product's own page elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views import defaults

from apps.platform.api.problems import problem_page


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/v")


class RefuseNul:
    """Middleware: an address that holds a NUL is 400, since PostgreSQL cannot compare text with one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        query = request.META.get("QUERY_STRING", "")
        if "\x00" in request.path_info or "\x00" in query or "%00" in query:
            return bad_request(request, ValueError("NUL"))
        return self.get_response(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 400."""
    if _is_api(request):
        return problem_page(request, 400, "bad_request", "This address or request cannot be read.")
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 404."""
    if _is_api(request):
        return problem_page(request, 404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer 500, without a word about the cause."""
    if _is_api(request):
        return problem_page(request, 500, "internal_error", "This is our fault; the request's id finds it in the log.")
    return defaults.server_error(request)
