"""Insights and alerts of the organization entered."""

from __future__ import annotations

from django.contrib import admin

from apps.insights.models import Alert, Insight
from apps.platform.administration import TenantAdmin


@admin.register(Insight)
class InsightAdmin(TenantAdmin):
    """What goes on, and how far people are with it."""

    list_display = ("public_id", "application", "kind", "severity", "statement", "state", "team", "since", "times_seen")
    list_filter = ("state", "kind", "severity", "team")
    search_fields = ("public_id", "key", "statement")
    list_select_related = ("application",)
    ordering = ("-id",)
    fields = ("public_id", "application", "kind", "key", "metric", "severity", "statement", "state", "team", "course",
              "since", "until", "times_seen", "acknowledged_by", "acknowledged_at", "resolved_at")  # fmt: skip


@admin.register(Alert)
class AlertAdmin(TenantAdmin):
    """Alerts on their way, and those that were sent."""

    list_display = ("insight", "why", "state", "raised_at", "due_at", "sent_at")
    list_filter = ("state",)
    list_select_related = ("insight",)
    ordering = ("-id",)
