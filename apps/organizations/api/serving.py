"""Plain views over pictures, not REST framework ones: what every reply of every application waits for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from apps.organizations.api.authentication import read_secret
from apps.organizations.serving import Picture, Pictures, ServingKey, sign
from apps.platform.api.problems import TRANSIENT, problem_body

# How long a client may go on with an answer without asking again, in seconds, and for how long in need.
TTL = 10
STALE = 600
_LONGEST_UNIT = 200


class Refused(Exception):
    """An answer that is a problem."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status, self.code, self.detail = status, code, detail


@method_decorator(csrf_exempt, name="dispatch")
class ServingView(View):
    """A view for a key with the scope of the method; errors are problems, the database's absence a 503."""

    scopes: ClassVar[dict[str, str]] = {}
    pictures: ClassVar[Pictures[Any]]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Find who calls, then answer."""
        handler: Callable[..., HttpResponse] | None = getattr(self, (request.method or "").lower(), None)
        try:
            if handler is None or request.method not in self.scopes:
                raise Refused(405, "method_not_allowed", f"{request.method} is not allowed here.")
            picture, key = self._caller(request)
            needed = self.scopes[request.method]
            if needed not in key.scopes:
                raise Refused(403, "missing_scope", f"This key lacks the scope {needed!r}.")
            return handler(request, picture, key, *args, **kwargs)
        except Refused as refused:
            return _problem(refused.status, refused.code, refused.detail)
        except TRANSIENT:
            answer = _problem(503, "temporarily_unavailable", "The database cannot be reached; try again.")
            answer.headers["Retry-After"] = "2"
            return answer

    def _caller(self, request: HttpRequest) -> tuple[Picture[Any], ServingKey]:
        header = request.headers.get("Authorization", "")
        if not header:
            raise Refused(401, "no_key", "Send an API key: Authorization: Bearer fw_live_…")
        found = self.pictures.find(read_secret(header))
        if found is None:
            raise Refused(401, "bad_key", "This API key is unknown, revoked or expired.")
        return found


def read_unit(value: object) -> str | None:
    """Return a unit; None where none is named. Raises Refused for what cannot be one."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_UNIT or not value.isprintable():
        raise Refused(422, "bad_unit", f"A unit is a printable text of at most {_LONGEST_UNIT} characters.")
    return value


def read_object(request: HttpRequest, *, longest: int) -> Mapping[str, Any]:
    """Return the body, a JSON object of at most so many bytes. Raises Refused."""
    # Kept by the request, unlike a read of its stream: a refusal is answered once more, on the ordinary way.
    if int(request.META.get("CONTENT_LENGTH") or 0) > longest:
        raise Refused(413, "too_large", f"The body has at most {longest:,} bytes.")
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "parse_error", "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise Refused(422, "bad_body", "Send a JSON object.")
    return body


def answer_cached(request: HttpRequest, key: ServingKey, body: dict[str, Any], *signed: str) -> HttpResponse:
    """Answer with the body and its signature over ``signed``, or 304 to whoever has it."""
    etag = f'"{hashlib.sha256(orjson.dumps(body)).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        answer = HttpResponse(status=304)
    else:
        answer = answer_json(body | {"signature": sign(key, *signed)})
    answer.headers["ETag"] = etag
    answer.headers["Cache-Control"] = f"private, max-age={TTL}, stale-while-revalidate={STALE}"
    answer.headers["Vary"] = "Authorization"
    return answer


def answer_json(body: dict[str, Any]) -> HttpResponse:
    """Answer with a JSON object."""
    return HttpResponse(orjson.dumps(body), content_type="application/json")


def _problem(status: int, code: str, detail: str) -> HttpResponse:
    answer = HttpResponse(
        orjson.dumps(problem_body(status, code, detail)), status=status, content_type="application/problem+json"
    )
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
