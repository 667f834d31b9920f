"""Insights: what periods said, and what people did about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.insights.domain.signals import KINDS, SEVERITIES
from apps.insights.models import Comment, Insight, Sighting
from apps.insights.selectors import insights as selectors
from apps.insights.selectors.insights import STATES, Wanted
from apps.insights.services import attending
from apps.organizations.api.views import OrganizationView
from apps.organizations.models import Membership
from apps.platform import clock
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem

PAGE = 50
_NAMED = 5
_CHOICES = {"state": STATES, "kind": KINDS, "severity": SEVERITIES, "team": tuple(Membership.Team.values)}


class InsightsView(OrganizationView):
    """The organization's insights."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(
        operation_id="listInsights",
        parameters=[
            OpenApiParameter("application", str),
            *(OpenApiParameter(name, str, enum=list(words)) for name, words in _CHOICES.items()),
            OpenApiParameter("metric", str),
            OpenApiParameter("cursor", str),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List insights, newest first, with some of their evidence; ``state=live`` are those that go on."""
        application = self.application(request.query_params.get("application") or None)
        asked = {name: request.query_params.get(name, "") for name in _CHOICES}
        for name, value in asked.items():
            if value and value not in _CHOICES[name]:
                raise Problem(422, "bad_filter", f"{name} is one of {', '.join(_CHOICES[name])}.")
        wanted = Wanted(
            application_id=application.id if application else None,
            metric=request.query_params.get("metric", "")[:64],
            **asked,
        )
        found = selectors.list_insights(wanted, before=read_place(request), limit=PAGE + 1)
        page, following = cut_page(request, found, size=PAGE, key=lambda each: [each.id])
        evidence = selectors.evidence_by_insight(page, each=_NAMED)
        return Response({"results": [show(each, evidence[each.id]) for each in page], "next": following})


class InsightView(OrganizationView):
    """One insight."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="readInsight", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, insight_id: str) -> Response:
        """Return it with its evidence, what each period showed, what people said, and whether it was here before."""
        insight = _find(self, insight_id)
        evidence = [each.conversation.session_id for each in selectors.evidence_of(insight)]
        return Response(
            show(insight, evidence)
            | {
                "sightings": [_sighting(each) for each in selectors.sightings_of(insight)],
                "comments": [_comment(each) for each in selectors.comments_of(insight)],
                "earlier": [
                    {"id": each.public_id, "since": each.since, "resolved_at": each.resolved_at}
                    for each in selectors.earlier_stories(insight)
                ],
            }
        )


class AcknowledgeView(OrganizationView):
    """Says that somebody has seen it."""

    scopes: ClassVar[dict[str, str]] = {"POST": "experiments"}

    @extend_schema(operation_id="acknowledgeInsight", request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, insight_id: str) -> Response:
        """Acknowledge it. 409 once it is resolved."""
        insight = _find(self, insight_id)
        try:
            changed = attending.acknowledge(insight_id=insight.id, at=_now(self), actor=self.principal.name)
        except attending.NotNow as error:
            raise Problem(409, "wrong_state", str(error), state=insight.state) from error
        return Response(show(changed))


class AssignView(OrganizationView):
    """Gives it to a team."""

    scopes: ClassVar[dict[str, str]] = {"POST": "experiments"}

    @extend_schema(operation_id="assignInsight", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, insight_id: str) -> Response:
        """Assign it to ``team``. 409 once it is resolved."""
        insight, team = _find(self, insight_id), _said(request, "team")
        try:
            changed = attending.assign(insight_id=insight.id, team=team, at=_now(self), actor=self.principal.name)
        except attending.NotNow as error:
            raise Problem(409, "wrong_state", str(error), state=insight.state) from error
        except ValueError as error:
            raise Problem(422, "bad_team", f"{error}.") from error
        return Response(show(changed))


class CommentsView(OrganizationView):
    """What is said about it."""

    scopes: ClassVar[dict[str, str]] = {"POST": "experiments"}

    @extend_schema(operation_id="commentOnInsight", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request, insight_id: str) -> Response:
        """Say ``text`` about it; resolved or not."""
        insight = _find(self, insight_id)
        try:
            made = attending.comment(
                insight=insight, text=_said(request, "text"), at=_now(self), actor=self.principal.name
            )
        except ValueError as error:
            raise Problem(422, "bad_comment", f"{error}.") from error
        return Response(_comment(made), status=201)


def show(insight: Insight, evidence: list[str] | None = None) -> dict[str, Any]:
    """Return an insight as lists show it. ``rows`` are the filters of GET /conversations behind it."""
    times = {"since": insight.newest_since.isoformat(), "until": insight.until.isoformat()}
    told = {
        "id": insight.public_id,
        "application": insight.application.slug,
        "kind": insight.kind,
        "key": insight.key,
        "metric": insight.metric,
        "severity": insight.severity,
        "statement": insight.statement,
        "state": insight.state,
        "team": insight.team or None,
        "course": insight.course,
        "figures": insight.figures,
        "rows": {"application": insight.application.slug, **times, **insight.rows},
        "seen": {
            "since": insight.since, "until": insight.until, "times": insight.times_seen,
            "first_at": insight.opened_at, "last_at": insight.last_seen_at,
        },
        "acknowledged": {"by": insight.acknowledged_by, "at": insight.acknowledged_at}
        if insight.acknowledged_at
        else None,
        "resolved_at": insight.resolved_at,
    }  # fmt: skip
    return told if evidence is None else told | {"evidence": evidence}


def _sighting(sighting: Sighting) -> dict[str, Any]:
    return {
        "since": sighting.since,
        "until": sighting.until,
        "severity": sighting.severity,
        "statement": sighting.statement,
        "figures": sighting.figures,
        "cycle": sighting.cycle_id or None,
    }


def _comment(comment: Comment) -> dict[str, Any]:
    return {"by": comment.person, "at": comment.at, "text": comment.text}


def _find(view: OrganizationView, insight_id: str) -> Insight:
    return view.own(selectors.find_insight(insight_id), "insight")


def _now(view: OrganizationView) -> datetime:
    return clock.now(view.principal.organization)


def _said(request: Request, field: str) -> str:
    value = request.data.get(field, "") if isinstance(request.data, dict) else ""
    return value if isinstance(value, str) else ""
