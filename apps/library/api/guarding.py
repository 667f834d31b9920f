"""GET /guardrails, POST /guardrails/check: answered from the process's picture, without the database."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from apps.evaluations.domain.values import SecurityResult
from apps.library import serving
from apps.library.domain.guarding import Guarded, strongest
from apps.library.domain.prompts import canonical
from apps.library.selectors.guardrails import Guarding
from apps.library.serving import Guards
from apps.organizations.api.serving import TTL, Refused, ServingView, answer_cached, answer_json, read_object, read_unit
from apps.organizations.serving import Picture, ServingKey

_LONGEST_TEXT = 100_000
_BIGGEST_BODY = 8 * _LONGEST_TEXT


class _GuardView(ServingView):
    pictures = serving.pictures

    def guarding(self, picture: Picture[Guards], key: ServingKey, slug: object) -> Guarding:
        """Return what guards the application that is meant. Raises Refused."""
        if slug is not None and not isinstance(slug, str):
            raise Refused(422, "bad_application", "application is the slug of an application.")
        if not slug and key.application_id is None:
            raise Refused(422, "no_application", "Name the application this is for.")
        found = picture.content.find(slug or None, key.application_id)
        if found is None:
            raise Refused(404, "not_found", "There is no such application for this key.")
        return found


class GuardrailsView(_GuardView):
    """The guardrails of one application as one signed bundle."""

    scopes: ClassVar[dict[str, str]] = {"GET": "guardrails"}

    def get(self, request: HttpRequest, picture: Picture[Guards], key: ServingKey) -> HttpResponse:
        """Return the bundle; 304 to whoever has it already."""
        guarding = self.guarding(picture, key, request.GET.get("application"))
        bundle = serving.bundle_of(guarding)
        digest = hashlib.sha256(canonical(bundle).encode()).hexdigest()
        return answer_cached(request, key, {"ttl": TTL, **bundle}, guarding.slug, digest, "guardrails")


class CheckView(_GuardView):
    """What the guardrails, and the security rules, say of one message."""

    scopes: ClassVar[dict[str, str]] = {"POST": "guardrails"}

    def post(self, request: HttpRequest, picture: Picture[Guards], key: ServingKey) -> HttpResponse:
        """Return what to do with a user's message, or with a reply before the user sees it."""
        body = read_object(request, longest=_BIGGEST_BODY)
        text, role = body.get("text"), body.get("role", "user")
        if not isinstance(text, str) or len(text) > _LONGEST_TEXT:
            raise Refused(422, "bad_text", f"text is a text of at most {_LONGEST_TEXT:,} characters.")
        if role not in ("user", "assistant"):
            raise Refused(422, "bad_role", "role is user or assistant.")
        read_unit(body.get("unit"))
        guarding = self.guarding(picture, key, body.get("application"))
        return answer_json(show_check(*serving.check(picture.content, guarding, text, role)))


def show_check(guarded: Guarded, security: SecurityResult) -> dict[str, Any]:
    """Return the answer to a check. The security rules alone flag; only a guardrail that people put in force blocks."""
    matches: list[dict[str, Any]] = [
        {
            "guardrail": hit.guardrail, "version": hit.version, "rule": hit.rule, "action": hit.action,
            "span": hit.span,
        }
        for hit in guarded.hits
    ] + [
        {
            "guardrail": None, "rule": incident.rule, "action": "flag", "type": incident.type,
            "severity": incident.severity, "span": incident.spans[0] if incident.spans else None,
        }
        for incident in security.incidents
    ]  # fmt: skip
    return {
        "action": strongest(guarded.action, "flag" if security.incidents else "allow"),
        "risk_score": security.risk_score,
        "matches": matches,
        "text": guarded.text,
        "reply": guarded.reply,
    }
