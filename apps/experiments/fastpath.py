"""A prompt is answered before sessions and sign-in are thought of: every reply of every application waits for it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.experiments.api.serving import PromptView

_PREFIX = "/api/v1/prompts/"


class ServePrompts:
    """Middleware, first of all: a prompt that can be served is; everything else takes the ordinary way.

    An error does too: it is answered there once more, and logged with its request's id.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._serve = PromptView.as_view()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, or hand on."""
        path = request.path_info
        if request.method == "GET" and path.startswith(_PREFIX) and "/" not in (name := path[len(_PREFIX) :]) and name:
            answer = self._serve(request, name=name)
            assert isinstance(answer, HttpResponse)
            if answer.status_code < 400:
                answer.headers["X-Content-Type-Options"] = "nosniff"
                # Without it gunicorn would close the connection after each answer.
                answer.headers["Content-Length"] = str(len(answer.content))
                return answer
        return self.get_response(request)
