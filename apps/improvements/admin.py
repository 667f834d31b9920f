"""Improvements of the organization entered."""

from __future__ import annotations

from django.contrib import admin

from apps.improvements.models import Improvement, ProbeRun
from apps.platform.administration import TenantAdmin


@admin.register(Improvement)
class ImprovementAdmin(TenantAdmin):
    """Improvements and how far they are."""

    list_display = ("public_id", "application", "key", "title", "policy", "state", "proposed_by", "proposed_at")
    list_filter = ("state", "policy", "path")
    search_fields = ("public_id", "key", "title")
    list_select_related = ("application",)
    ordering = ("-id",)


@admin.register(ProbeRun)
class ProbeRunAdmin(TenantAdmin):
    """Runs of probes and what they cost."""

    list_display = ("public_id", "improvement", "model", "state", "calls", "tokens", "asked_by", "asked_at")
    list_filter = ("state", "model")
    search_fields = ("public_id",)
    list_select_related = ("improvement",)
    ordering = ("-id",)
