"""Who hears of insights: what people, teams and webhooks asked for; set for teams and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.insights.domain.alerting import Wish, check_wish
from apps.insights.models import AlertSubscription
from apps.insights.selectors import alerts as selectors
from apps.insights.services import alerting
from apps.organizations import selectors as organizations
from apps.organizations.api.views import OrganizationView
from apps.organizations.models import Membership
from apps.platform import clock
from apps.platform.api.bodies import read_object
from apps.platform.api.problems import Problem

_FIELDS = frozenset({"team", "webhook", "floor", "about", "digest_hour", "quiet_from", "quiet_until"})


class AlertsView(OrganizationView):
    """Who hears of new insights."""

    scopes: ClassVar[dict[str, str]] = {"GET": "admin", "PUT": "admin"}

    @extend_schema(operation_id="listAlertSubscriptions", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """List who hears of what: people (by their e-mail), teams, webhooks; oldest first."""
        self.whole_organization("Alerts")
        return Response({"results": [show(each) for each in selectors.list_subscriptions()], "next": None})

    @extend_schema(
        operation_id="setAlertSubscription", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT}
    )
    def put(self, request: Request) -> Response:
        """Have a ``team`` or a ``webhook`` (its id) hear of insights from a severity on; it replaces what they had.

        ``floor`` (high), ``about`` ("" for everything, or a group of metrics), ``digest_hour`` (null: each at once),
        ``quiet_from`` and ``quiet_until`` as HH:MM of the organization's zone. People set their own in the portal.
        """
        self.whole_organization("Alerts")
        body = read_object(request, "bad_alerts")
        if unknown := sorted(map(str, set(body) - _FIELDS)):
            raise Problem(422, "bad_alerts", f"{unknown[0][:80]!r} is no field of this request.")
        whom, wish = _whom(body), _wish(body)
        organization = self.principal.organization
        made = alerting.subscribe(
            organization_id=organization.id, at=clock.now(organization), actor=self.principal.name, **whom,
            **vars(wish),
        )  # fmt: skip
        return Response(show(made))


class AlertView(OrganizationView):
    """One who hears of insights."""

    scopes: ClassVar[dict[str, str]] = {"DELETE": "admin"}

    @extend_schema(operation_id="removeAlertSubscription", responses={204: None})
    def delete(self, request: Request, subscription_id: str) -> Response:
        """Have nobody hear through it any more."""
        self.whole_organization("Alerts")
        found = selectors.find_subscription(subscription_id)
        if found is None:
            raise Problem(404, "not_found", "There is no such subscription in this organization.")
        alerting.unsubscribe(
            subscription=found, at=clock.now(self.principal.organization), actor=self.principal.name
        )  # fmt: skip
        return Response(status=204)


def show(subscription: AlertSubscription) -> dict[str, Any]:
    """Return a subscription; exactly one of person, team and webhook is set."""
    return {
        "id": subscription.public_id,
        "person": subscription.person.email if subscription.person else None,
        "team": subscription.team or None,
        "webhook": subscription.endpoint.public_id if subscription.endpoint else None,
        "floor": subscription.floor,
        "about": subscription.about,
        "digest_hour": subscription.digest_hour,
        "quiet_from": _clock(subscription.quiet_from),
        "quiet_until": _clock(subscription.quiet_until),
        "made_by": subscription.made_by,
        "made_at": subscription.made_at,
    }


def _whom(body: Mapping[str, Any]) -> dict[str, Any]:
    team, webhook = body.get("team"), body.get("webhook")
    if (team is None) == (webhook is None):
        raise Problem(422, "bad_alerts", "name a team or a webhook, and one of them only.")
    if team is not None:
        if team not in Membership.Team.values:
            raise Problem(422, "bad_alerts", f"a team is one of {', '.join(Membership.Team.values)}.")
        return {"team": team}
    endpoint = organizations.find_endpoint(webhook) if isinstance(webhook, str) else None
    if endpoint is None:
        raise Problem(422, "bad_alerts", "there is no such webhook in this organization.")
    return {"endpoint": endpoint}


def _wish(body: Mapping[str, Any]) -> Wish:
    floor, about, hour = body.get("floor", "high"), body.get("about", ""), body.get("digest_hour")
    if hour is not None and (isinstance(hour, bool) or not isinstance(hour, int)):
        raise Problem(422, "bad_alerts", "digest_hour is a whole number, or null.")
    try:
        wish = Wish(floor, about, hour, _time(body, "quiet_from"), _time(body, "quiet_until"))
        check_wish(wish)
    except (TypeError, ValueError) as error:
        raise Problem(422, "bad_alerts", f"{error}.") from error
    return wish


def _time(body: Mapping[str, Any], field: str) -> time | None:
    value = body.get(field)
    if value is None:
        return None
    try:
        found = time.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{field} is a time as HH:MM, or null") from None
    if found.tzinfo is not None:
        raise ValueError(f"{field} is a time of the organization's zone, without one of its own")
    return found


def _clock(moment: time | None) -> str | None:
    return None if moment is None else f"{moment:%H:%M}"
