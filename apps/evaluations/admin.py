"""Evaluation runs of the organization entered."""

from __future__ import annotations

from django.contrib import admin

from apps.evaluations.models import EvaluationRun
from apps.platform.administration import TenantAdmin


@admin.register(EvaluationRun)
class EvaluationRunAdmin(TenantAdmin):
    """Runs and how far they are."""

    list_display = ("public_id", "application", "status", "done", "failed", "total", "asked_by", "created_at")
    list_filter = ("status",)
    search_fields = ("public_id",)
    list_select_related = ("application",)
    ordering = ("-id",)
