"""Webhooks of the organization entered, what was sent to them, and sending again."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.organizations.administration import actor_of
from apps.organizations.services import delivering
from apps.platform import clock
from apps.platform.administration import TenantAdmin
from apps.platform.models import WebhookDelivery, WebhookEndpoint


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(TenantAdmin):
    """Webhooks without their secrets; an address may be one."""

    list_display = ("name", "host", "shape", "events", "failing_since", "disabled_at", "disabled_reason")
    list_filter = ("shape",)
    search_fields = ("public_id", "name", "host")
    ordering = ("-id",)
    fields = ("public_id", "name", "host", "shape", "events", "created_by", "created_at", "failing_since",
              "disabled_at", "disabled_reason")  # fmt: skip


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(TenantAdmin):
    """Deliveries: how often each was tried, and what was heard."""

    list_display = ("event", "endpoint", "state", "attempts", "status", "error", "tried_at", "next_at")
    list_filter = ("state",)
    search_fields = ("event__public_id", "event__key", "endpoint__name")
    list_select_related = ("event", "endpoint")
    ordering = ("-id",)
    actions = ("send_again",)

    @admin.action(description="Send again, under the same id", permissions=["act"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[WebhookDelivery]) -> None:
        """Have them delivered from their first attempt."""
        deliveries = list(chosen.select_related("endpoint", "event", "organization"))
        for delivery in deliveries:
            at = clock.now(delivery.organization)
            delivering.send_again(delivery=delivery, at=at, actor=actor_of(request))
        messages.success(request, f"{len(deliveries)} are on their way again.")
