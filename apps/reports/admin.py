"""The ledger and the reports of the organization entered."""

from __future__ import annotations

from django.contrib import admin

from apps.platform.administration import TenantAdmin
from apps.reports.models import Assumption, BenefitLine, CostLine, Report


@admin.register(Assumption)
class AssumptionAdmin(TenantAdmin):
    """What was said, approved, withdrawn."""

    list_display = ("key", "application", "version", "state", "low", "mode", "high", "owner", "source", "approved_by")
    list_filter = ("state", "source")
    search_fields = ("key",)
    list_select_related = ("application",)
    ordering = ("-id",)


class _LineAdmin(TenantAdmin):
    list_display = ("name", "application", "metric", "period", "state", "grade", "effect", "volume", "not_counted")
    list_filter = ("state", "grade", "metric")
    search_fields = ("name", "source_id")
    list_select_related = ("application",)
    ordering = ("-period", "-id")


@admin.register(BenefitLine)
class BenefitLineAdmin(_LineAdmin):
    """What decided changes did."""


@admin.register(CostLine)
class CostLineAdmin(_LineAdmin):
    """What it cost."""


@admin.register(Report)
class ReportAdmin(TenantAdmin):
    """Reports: asked for, frozen."""

    list_display = ("public_id", "application", "kind", "period", "version", "status", "asked_by", "frozen_at")
    list_filter = ("kind", "status")
    search_fields = ("public_id", "period")
    list_select_related = ("application",)
    ordering = ("-id",)
