"""The library of the organization entered."""

from __future__ import annotations

from django.contrib import admin

from apps.library.models import LabelAssignment, Prompt, PromptVersion
from apps.platform.administration import TenantAdmin


@admin.register(Prompt)
class PromptAdmin(TenantAdmin):
    """Prompts."""

    list_display = ("name", "type", "owner", "created_by", "created_at")
    list_filter = ("type",)
    search_fields = ("name",)
    ordering = ("-id",)


@admin.register(PromptVersion)
class PromptVersionAdmin(TenantAdmin):
    """Versions, which never change."""

    list_display = ("prompt", "number", "content_hash", "note", "created_by", "created_at")
    search_fields = ("prompt__name", "content_hash")
    list_select_related = ("prompt",)
    ordering = ("-id",)


@admin.register(LabelAssignment)
class LabelAssignmentAdmin(TenantAdmin):
    """Where labels stood."""

    list_display = ("prompt", "label", "version", "at", "ended_at", "by", "reason")
    list_filter = ("label",)
    list_select_related = ("prompt", "version")
    ordering = ("-id",)
