"""Conversations with what was found in them, and the metrics."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.evaluations import selectors
from apps.evaluations.filtering import NAMES, BadFilter, parse_filters
from apps.evaluations.paging import key_of, read_key
from apps.evaluations.selectors import Filters
from apps.organizations.api.views import OrganizationView
from apps.organizations.services.reading import note_reading
from apps.platform import clock
from apps.platform.api.cursors import cut_page
from apps.platform.api.problems import Problem

PAGE = 50
_PARAMETERS = [OpenApiParameter(name, str) for name in ("application", *NAMES)]


def read_filters(view: OrganizationView, request: Request) -> Filters:
    """Return the filters of a query string. Raises 404 for a foreign application, 422 for a bad value."""
    application = view.application(request.query_params.get("application") or None)
    try:
        return parse_filters(request.query_params, application_id=application.id if application else None)
    except BadFilter as error:
        raise Problem(422, error.code, str(error)) from error


class ConversationsView(OrganizationView):
    """The organization's analyzed conversations."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(
        operation_id="listConversations",
        parameters=[*_PARAMETERS, OpenApiParameter("cursor", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List conversations, newest first."""
        filters = read_filters(self, request)
        after = read_key(request.query_params.get("cursor"))
        rows = selectors.list_facts(filters, limit=PAGE + 1, after=after)
        page, following = cut_page(request, rows, size=PAGE, key=key_of)
        results = selectors.results_of([row.conversation_id for row in page])
        return Response({
            "results": [
                {
                    "session_id": row.session_id,
                    "agent_id": row.agent or None,
                    "topic": row.topic or None,
                    "started_at": row.started_at,
                    "messages": row.fact["messages"],
                    **results[row.conversation_id],
                }
                for row in page
            ],
            "next": following,
        })  # fmt: skip


class ConversationView(OrganizationView):
    """One conversation."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(
        operation_id="readConversation",
        parameters=[OpenApiParameter("application", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, session_id: str) -> Response:
        """Return one conversation: its messages in time order, and what was found in them."""
        application = self.application(request.query_params.get("application") or None)
        found = selectors.find_conversation(session_id, application.id if application else None)
        if found is None:
            raise Problem(404, "not_found", "There is no such conversation in this organization.")
        row, organization = found.row, self.principal.organization
        note_reading(
            organization=organization, conversation_id=row.id, at=clock.now(organization), actor=self.principal.name,
            where="api",
        )  # fmt: skip
        body: dict[str, Any] = {
            "session_id": row.session_id,
            "started_at": row.started_at,
            "last_at": row.last_at,
            "agent_id": row.agent or None,
            "channel": row.channel or None,
            "variant": row.variant or None,
            "prompt_version": row.prompt_version or None,
            "tags": row.tags,
            "metadata": row.metadata,
            "messages": [
                {"role": m.role, "content": m.content, "timestamp": m.sent_at, "metadata": m.metadata}
                for m in found.messages
            ],
            **found.results,
        }
        return Response(body)


class MetricsView(OrganizationView):
    """What the analyses add up to."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(
        operation_id="readMetrics",
        parameters=[*_PARAMETERS, OpenApiParameter("group_by", str, enum=selectors.GROUPINGS)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """Return the metrics of the conversations that pass the filters; with ``group_by`` also those of each group."""
        filters = read_filters(self, request)
        by = request.query_params.get("group_by") or None
        if by is not None and by not in selectors.GROUPINGS:
            raise Problem(422, "bad_grouping", f"`group_by` is one of {', '.join(selectors.GROUPINGS)}.")
        currency = self.principal.organization.currency
        body = selectors.read_metrics(filters, currency=currency)
        if by is not None:
            body |= {"group_by": by, "groups": selectors.group_metrics(filters, by=by, currency=currency)}
        return Response(body)
