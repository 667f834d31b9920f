"""GET /comparisons: two sides of anything, with an interval and how strong the comparison is."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.utils.dateparse import parse_date
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.domain.measures import MEASURES
from apps.experiments.domain.sides import BadSide, Side, check_sides, read_side
from apps.experiments.selectors.comparisons import Compared, NoSide, compare_sides
from apps.organizations.api.views import OrganizationView
from apps.platform import clock
from apps.platform.api.problems import Problem


class ComparisonsView(OrganizationView):
    """Two periods, versions, variants, agents, channels, models, applications, or arms of an experiment."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(
        operation_id="compare",
        parameters=[
            OpenApiParameter("metric", str, required=True),
            OpenApiParameter("a", str, required=True, description="2026-11-01..2026-11-07, or KIND:VALUE"),
            OpenApiParameter("b", str, required=True, description="as a; the difference is b − a"),
            OpenApiParameter("application", str),
            OpenApiParameter("since", str, description="a date; bounds sides that are no periods"),
            OpenApiParameter("until", str, description="a date, included"),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """Return b − a with its interval, the design's grade and what weakens it. Rates are fractions."""
        query = request.query_params
        metric = query.get("metric", "")
        if metric not in MEASURES:
            raise Problem(422, "bad_metric", f"`metric` is one of {', '.join(sorted(MEASURES))}.")
        application = self.application(query.get("application") or None)
        try:
            a, b = read_side(query.get("a", ""), "a"), read_side(query.get("b", ""), "b")
            check_sides(a, b)
        except BadSide as error:
            raise Problem(422, "bad_side", str(error)) from error
        try:
            found = compare_sides(
                organization_id=self.principal.organization.id, metric=metric, a=a, b=b, application=application,
                since=_day(query.get("since"), "since"), until=_day(query.get("until"), "until"),
                at=clock.now(self.principal.organization),
            )  # fmt: skip
        except NoSide as error:
            raise Problem(404, "not_found", str(error)) from error
        return Response(show(found, a, b))


def show(found: Compared, a: Side, b: Side) -> dict[str, Any]:
    """Return a comparison as the API shows it."""
    contrast, naive = found.contrast, found.comparison
    return {
        "metric": found.metric,
        "unit": REGISTRY[found.metric].unit,
        "direction": REGISTRY[found.metric].direction,
        "a": _side(found, a, 0),
        "b": _side(found, b, 1),
        "difference": contrast.difference,
        "interval": list(contrast.interval) if contrast.interval else None,
        "p_value": contrast.p_value,
        "lift": naive.lift,
        "lift_interval": list(naive.lift_interval) if naive.lift_interval else None,
        "design": {
            "name": contrast.design,
            "grade": contrast.grade,
            "observational": contrast.design != "randomised",
            "why": contrast.why,
            "mix_shift": dict(found.mixes),
            "concurrent": list(found.concurrent),
        },
    }


def _side(found: Compared, side: Side, place: int) -> dict[str, Any]:
    arm = found.sides[place]
    return {
        "kind": side.kind,
        "value": side.value,
        "mean": arm.ratio,
        "n": arm.d_sum,
        "units": arm.n,
        "conversations": found.conversations[place],
    }


def _day(text: str | None, name: str) -> date | None:
    try:
        day = parse_date(text) if text else None
    except ValueError:
        day = None
    if text and day is None:
        raise Problem(422, "bad_time", f"`{name}` is a date.")
    return day
