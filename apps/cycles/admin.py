"""Cycles of the organization entered."""

from __future__ import annotations

from django.contrib import admin

from apps.cycles.models import Cycle, StageRun
from apps.platform.administration import TenantAdmin


@admin.register(Cycle)
class CycleAdmin(TenantAdmin):
    """Turns of the wheel."""

    list_display = ("public_id", "application", "status", "since", "until", "started_by", "started_at", "finished_at")
    list_filter = ("status",)
    search_fields = ("public_id",)
    list_select_related = ("application",)
    ordering = ("-id",)


@admin.register(StageRun)
class StageRunAdmin(TenantAdmin):
    """What each stage did, or waits for."""

    list_display = ("cycle", "stage", "status", "attempts", "did", "waits_for", "started_at", "finished_at")
    list_filter = ("stage", "status")
    list_select_related = ("cycle",)
    ordering = ("-id",)
