"""Conversations with what was found in them, and the metrics."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar

from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.evaluations import selectors
from apps.evaluations.selectors import Filters
from apps.organizations.api.views import OrganizationView
from apps.platform.api.cursors import decode_cursor, encode_cursor
from apps.platform.api.problems import Problem

PAGE = 50
_TEXT_FILTERS = (
    "agent", "channel", "variant", "prompt_version", "model", "environment", "tag", "pattern", "finding", "upsell",
    "churn",
)  # fmt: skip
_PARAMETERS = [
    OpenApiParameter(name, str) for name in ("application", "since", "until", "min_risk", "outcome", *_TEXT_FILTERS)
]


def read_filters(view: OrganizationView, request: Request) -> Filters:
    """Return the filters of a query string. Raises 404 for a foreign application, 422 for a bad value."""
    query = request.query_params
    application = view.application(query.get("application") or None)
    filters = Filters(
        application_id=application.id if application else None,
        since=_time(query.get("since"), "since"),
        until=_time(query.get("until"), "until"),
        min_risk=_number(query.get("min_risk")),
        outcome=_choice(query.get("outcome")),
    )
    named: dict[str, Any] = {name: query[name] for name in _TEXT_FILTERS if query.get(name)}
    return replace(filters, **named)


def _time(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        moment: datetime | None = parse_datetime(text)
        day: date | None = None if moment else parse_date(text)
    except ValueError:
        moment = day = None
    if day is not None:
        return datetime.combine(day, time(), UTC)
    if moment is None:
        raise Problem(422, "bad_time", f"`{name}` must be a date or an ISO 8601 time.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise Problem(422, "bad_number", "`min_risk` must be a number.") from error


def _choice(text: str | None) -> str | None:
    if text and text not in {"blocked", "succeeded", "unclear"}:
        raise Problem(422, "bad_outcome", "`outcome` is blocked, succeeded or unclear.")
    return text or None


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
        after = None
        if cursor := request.query_params.get("cursor"):
            moment, conversation_id = decode_cursor(cursor, 2)
            try:
                after = (datetime.fromisoformat(moment), int(conversation_id))
            except (TypeError, ValueError) as error:
                raise Problem(400, "bad_cursor", "This cursor was not made here; start without one.") from error
        rows = selectors.list_facts(filters, limit=PAGE + 1, after=after)
        page = rows[:PAGE]
        results = selectors.results_of([row.conversation_id for row in page])
        following = None
        if len(rows) > PAGE:
            query = request._request.GET.copy()
            query["cursor"] = encode_cursor([page[-1].started_at.isoformat(), page[-1].conversation_id])
            following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
        return Response({
            "results": [
                {
                    "session_id": row.session_id,
                    "agent_id": row.agent or None,
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
        row = found.row
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
