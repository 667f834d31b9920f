"""Experiments of the organization entered."""

from __future__ import annotations

from django.contrib import admin

from apps.experiments.models import Decision, Experiment
from apps.platform.administration import TenantAdmin


@admin.register(Experiment)
class ExperimentAdmin(TenantAdmin):
    """Experiments and rollouts, and how they stand."""

    list_display = ("public_id", "kind", "name", "prompt", "state", "reason", "started_at", "ended_at")
    list_filter = ("kind", "state")
    search_fields = ("public_id", "name")
    list_select_related = ("prompt",)
    ordering = ("-id",)


@admin.register(Decision)
class DecisionAdmin(TenantAdmin):
    """What was decided, by which rule or person."""

    list_display = ("experiment", "phase", "rule", "action", "variant", "reason", "actor", "at")
    list_filter = ("action",)
    list_select_related = ("experiment",)
    ordering = ("-id",)
