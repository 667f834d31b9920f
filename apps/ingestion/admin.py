"""Batches, watched files and conversations of the organization entered."""

from __future__ import annotations

from django.contrib import admin

from apps.ingestion.models import Batch, CaptureSource, Conversation
from apps.platform.administration import TenantAdmin


@admin.register(Batch)
class BatchAdmin(TenantAdmin):
    """What was captured; never the lines themselves."""

    list_display = ("public_id", "application", "status", "accepted", "rejected", "received_at")
    list_filter = ("status",)
    search_fields = ("public_id",)
    list_select_related = ("application",)
    ordering = ("-id",)
    fields = ("public_id", "application", "source", "format", "status", "accepted", "rejected", "received_at")


@admin.register(CaptureSource)
class CaptureSourceAdmin(TenantAdmin):
    """Files that are read as they grow: which, and what the last look met."""

    list_display = ("glob", "application", "watched", "looked_at", "error")
    list_filter = ("watched",)
    list_select_related = ("application",)
    ordering = ("-id",)
    fields = ("glob", "application", "format", "watched", "looks", "looked_at", "error")


@admin.register(Conversation)
class ConversationAdmin(TenantAdmin):
    """Conversations without their text: that is read in the portal, by members."""

    list_display = ("session_id", "application", "agent", "started_at", "captured_on", "content_version")
    search_fields = ("session_id",)
    list_select_related = ("application",)
    ordering = ("-id",)
    fields = ("session_id", "application", "agent", "channel", "model", "prompt_version", "started_at", "last_at",
              "captured_on", "content_version")  # fmt: skip
