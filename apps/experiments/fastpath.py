"""Prompts and guardrails are answered before sessions and sign-in are thought of: every reply waits for them."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.experiments.api.serving import PromptView
from apps.library.api.guarding import CheckView, GuardrailsView

_PROMPTS = "/api/v1/prompts/"


class ServeFirst:
    """Middleware, first of all: what can be served from a picture is; everything else takes the ordinary way.

    An error does too: it is answered there once more, and logged with its request's id.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._prompt = PromptView.as_view()
        self._whole = {
            ("GET", "/api/v1/guardrails"): GuardrailsView.as_view(),
            ("POST", "/api/v1/guardrails/check"): CheckView.as_view(),
        }

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, or hand on."""
        answer = self._serve(request)
        if answer is None or answer.status_code >= 400:
            return self.get_response(request)
        assert isinstance(answer, HttpResponse)
        answer.headers["X-Content-Type-Options"] = "nosniff"
        # Without it gunicorn would close the connection after each answer.
        answer.headers["Content-Length"] = str(len(answer.content))
        return answer

    def _serve(self, request: HttpRequest) -> HttpResponseBase | None:
        path = request.path_info
        if request.method == "GET" and path.startswith(_PROMPTS):
            name = path[len(_PROMPTS) :]
            return self._prompt(request, name=name) if name and "/" not in name else None
        view = self._whole.get((request.method or "", path))
        return view(request) if view is not None else None
