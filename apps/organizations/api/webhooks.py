"""Webhooks: addresses that hear of what happens, signed as Standard Webhooks, or in Slack's shape."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.organizations import selectors
from apps.organizations.api.views import OrganizationView
from apps.organizations.services import delivering, webhooks
from apps.platform import clock
from apps.platform.api.bodies import read_object, read_time
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem
from apps.platform.models import WebhookDelivery, WebhookEndpoint
from apps.platform.outbox import KINDS

PAGE = 50


class _WebhookView(OrganizationView):
    """Webhooks hear of every application, so a key of one application has none."""

    def endpoint(self, webhook_id: str) -> WebhookEndpoint:
        """Return the endpoint. 404 for one that is not here."""
        self.whole_organization("Webhooks")
        found = selectors.find_endpoint(webhook_id)
        if found is None:
            raise Problem(404, "not_found", "There is no such webhook in this organization.")
        return found


class WebhooksView(_WebhookView):
    """The organization's webhooks."""

    scopes: ClassVar[dict[str, str]] = {"GET": "admin", "POST": "admin"}

    @extend_schema(operation_id="listWebhooks", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """List webhooks, newest first; an organization has at most twenty."""
        self.whole_organization("Webhooks")
        return Response({"results": [show(each) for each in selectors.list_endpoints()], "next": None})

    @extend_schema(operation_id="createWebhook", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Make one: ``url``, ``events`` (all where not given), ``name``, ``shape`` standard or slack.

        The answer holds the ``secret``, this once.
        """
        self.whole_organization("Webhooks")
        body = read_object(request, "bad_webhook")
        url, shape, events = body.get("url"), body.get("shape", "standard"), body.get("events", list(KINDS))
        name = body.get("name", "webhook")
        words = [url, shape, name, *(events if isinstance(events, list) else [None])]
        if not all(isinstance(word, str) for word in words):
            raise Problem(422, "bad_webhook", "url, name and shape are texts, and events is a list of texts.")
        try:
            made = webhooks.create_endpoint(
                organization_id=self.principal.organization.id, name=name, url=str(url), events=events, shape=shape,
                at=clock.now(self.principal.organization), actor=self.principal.name,
            )  # fmt: skip
        except webhooks.BadEndpoint as error:
            raise Problem(422, "bad_webhook", f"{error}.") from error
        return Response(show(made.row) | {"secret": made.secret or None}, status=201)


class WebhookView(_WebhookView):
    """One webhook."""

    scopes: ClassVar[dict[str, str]] = {"GET": "admin", "DELETE": "admin"}

    @extend_schema(operation_id="readWebhook", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, webhook_id: str) -> Response:
        """Return it; its secret is shown only when it is made."""
        return Response(show(self.endpoint(webhook_id)))

    @extend_schema(operation_id="removeWebhook", responses={204: None})
    def delete(self, request: Request, webhook_id: str) -> Response:
        """Forget it and its deliveries."""
        organization = self.principal.organization
        webhooks.remove(
            endpoint=self.endpoint(webhook_id), at=clock.now(organization), actor=self.principal.name
        )  # fmt: skip
        return Response(status=204)


class RotateWebhookView(_WebhookView):
    """A new secret."""

    scopes: ClassVar[dict[str, str]] = {"POST": "admin"}

    @extend_schema(operation_id="rotateWebhook", request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, webhook_id: str) -> Response:
        """Make a new secret, shown this once; for one day both sign."""
        endpoint, organization = self.endpoint(webhook_id), self.principal.organization
        try:
            made = webhooks.rotate_secret(
                endpoint=endpoint, at=clock.now(organization), wall=clock.wall(), actor=self.principal.name
            )
        except webhooks.BadEndpoint as error:
            raise Problem(409, "not_signed", f"{error}.") from error
        return Response(show(made.row) | {"secret": made.secret})


class EnableWebhookView(_WebhookView):
    """Switches it on again."""

    scopes: ClassVar[dict[str, str]] = {"POST": "admin"}

    @extend_schema(operation_id="enableWebhook", request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, webhook_id: str) -> Response:
        """Send to it again, first what waited. What happened meanwhile comes by POST …/replay."""
        endpoint = self.endpoint(webhook_id)
        webhooks.enable(endpoint=endpoint, at=clock.now(self.principal.organization), actor=self.principal.name)
        return Response(show(endpoint))


class DeliveriesView(_WebhookView):
    """What was sent to it."""

    scopes: ClassVar[dict[str, str]] = {"GET": "admin"}

    @extend_schema(
        operation_id="listDeliveries",
        parameters=[OpenApiParameter("cursor", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, webhook_id: str) -> Response:
        """List deliveries, newest first."""
        endpoint = self.endpoint(webhook_id)
        found = selectors.list_deliveries(endpoint, before=read_place(request), limit=PAGE + 1)
        page, following = cut_page(request, found, size=PAGE, key=lambda each: [each.id])
        return Response({"results": [_delivery(each) for each in page], "next": following})


class ReplayView(_WebhookView):
    """Sends again."""

    scopes: ClassVar[dict[str, str]] = {"POST": "admin"}

    @extend_schema(operation_id="replayWebhook", request=OpenApiTypes.OBJECT, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, webhook_id: str) -> Response:
        """Send one ``event`` again under its own id, or all that was not delivered ``since`` a time."""
        endpoint, body = self.endpoint(webhook_id), read_object(request, "bad_webhook")
        at, actor = clock.now(self.principal.organization), self.principal.name
        if "event" in body:
            delivery = selectors.find_delivery(endpoint, str(body["event"]))
            if delivery is None:
                raise Problem(404, "not_found", "This event was never on its way to this webhook.")
            delivering.send_again(delivery=delivery, at=at, actor=actor)
            return Response({"events": 1}, status=202)
        since = read_time(body.get("since"), "since")
        if not clock.is_usable(since):
            raise Problem(422, "bad_time", "`since` lies beyond the times that can be compared.")
        return Response(
            {"events": delivering.replay(endpoint=endpoint, since=since, at=at, actor=actor)}, status=202
        )  # fmt: skip


def show(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return an endpoint without its secrets; Slack's addresses are one."""
    return {
        "id": endpoint.public_id,
        "name": endpoint.name,
        "host": endpoint.host,
        "url": endpoint.url if endpoint.shape == WebhookEndpoint.Shape.STANDARD else None,
        "shape": endpoint.shape,
        "events": endpoint.events,
        "state": "disabled" if endpoint.disabled_at else "failing" if endpoint.failing_since else "active",
        "reason": endpoint.disabled_reason,
        "created_by": endpoint.created_by,
        "created_at": endpoint.created_at,
        "failing_since": endpoint.failing_since,
        "disabled_at": endpoint.disabled_at,
    }


def _delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "event": delivery.event.public_id,
        "type": delivery.event.kind,
        "summary": delivery.event.summary,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "status": delivery.status,
        "error": delivery.error,
        "tried_at": delivery.tried_at,
        "next_at": delivery.next_at,
    }
