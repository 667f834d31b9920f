"""Response templates, as applications say them again; conversations that went well, as models learn from them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.evaluations.filtering import BadFilter, parse_time
from apps.evaluations.selectors import Filters
from apps.library.domain.templates import LEAST_SCORE
from apps.library.exports import MOST_LINES, Asked, fine_tune_lines
from apps.library.models import ResponseTemplate
from apps.library.selectors.templates import Wanted, list_templates
from apps.organizations.api.views import OrganizationView
from apps.organizations.services import record_audit
from apps.platform import clock
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem
from apps.platform.tenancy import tenant

PAGE = 50


class ResponseTemplatesView(OrganizationView):
    """The organization's response templates. They are served as prompts are, and tell of no conversation."""

    scopes: ClassVar[dict[str, str]] = {"GET": "prompts"}

    @extend_schema(
        operation_id="listResponseTemplates",
        parameters=[OpenApiParameter(name, str) for name in ("application", "name", "tag", "cursor")],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List the templates that a person approved, newest first; a key of one application those of its own."""
        application = self.application(request.query_params.get("application") or None)
        wanted = Wanted(
            application_id=application.id if application else None, status=ResponseTemplate.Status.APPROVED,
            tag=_word(request, "tag"), name=_word(request, "name"),
        )  # fmt: skip
        found = list_templates(wanted, before=read_place(request), limit=PAGE + 1)
        page, following = cut_page(request, found, size=PAGE, key=lambda template: [template.id])
        return Response({"results": [show_template(template) for template in page], "next": following})


class FineTuneView(OrganizationView):
    """Conversations as a file to fine-tune a model on: what was said in them, so it needs what reading them does."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}
    in_tenant = False

    @extend_schema(
        operation_id="exportFineTune",
        parameters=[
            OpenApiParameter("min_score", float, description=f"0 to 10; {LEAST_SCORE:g} without it."),
            OpenApiParameter("limit", int, description=f"1 to {MOST_LINES:,} lines; the most without it."),
            *[OpenApiParameter(name, str) for name in ("application", "since", "until")],
        ],
        responses={(200, "application/x-ndjson"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream ``{"messages": [{"role", "content"}, …]}`` a line for each conversation of at least ``min_score``.

        Newest first, masked; none in which anything was found, none of anybody who was erased.
        """
        organization = self.principal.organization
        with tenant(organization.id):
            application = self.application(request.query_params.get("application") or None)
            asked = _read_asked(request, application.id if application else None)
            record_audit(
                organization_id=organization.id, at=clock.now(organization), actor=self.principal.name,
                action="fine_tune.exported", subject=application.slug if application else "all applications",
                min_score=asked.least_score, limit=asked.most_lines,
                **{name: said[:60] for name in ("since", "until") if (said := request.query_params.get(name))},
            )  # fmt: skip
        lines = fine_tune_lines(asked, organization_id=organization.id)
        response = StreamingHttpResponse(lines, content_type="application/x-ndjson")
        response["Content-Disposition"] = 'attachment; filename="fine-tune.jsonl"'
        return response


def show_template(template: ResponseTemplate) -> dict[str, Any]:
    """Return a template as the API shows it: nothing of whose conversation it came from."""
    return {
        "id": template.public_id,
        "name": template.name,
        "text": template.text,
        "tags": template.tags,
        "application": template.application.slug,
        "prompt_version": template.prompt_version or None,
        "score": template.score,
        "conversations": template.conversations,
        "users": template.users,
        "approved_by": template.decided_by,
        "approved_at": template.decided_at,
    }


def _read_asked(request: Request, application_id: int | None) -> Asked:
    given = request.query_params
    try:
        filters = Filters(
            application_id=application_id, since=parse_time(given.get("since"), "since"),
            until=parse_time(given.get("until"), "until"),
        )  # fmt: skip
    except BadFilter as error:
        raise Problem(422, error.code, str(error)) from error
    return Asked(filters, _score(given.get("min_score")), _limit(given.get("limit")))


def _score(text: str | None) -> float:
    try:
        score = float(text) if text else LEAST_SCORE
    except ValueError:
        score = -1.0
    if not 0 <= score <= 10:
        raise Problem(422, "bad_number", "`min_score` is a number from 0 to 10.")
    return score


def _limit(text: str | None) -> int:
    if not text:
        return MOST_LINES
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MOST_LINES):
        raise Problem(422, "bad_number", f"`limit` is a number from 1 to {MOST_LINES:,}.")
    return int(text)


def _word(request: Request, name: str) -> str:
    word = request.query_params.get(name) or ""
    if "\x00" in word:
        raise Problem(422, "bad_text", f"`{name}` holds a NUL.")
    return word[:200]
