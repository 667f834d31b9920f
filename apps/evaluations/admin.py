"""Evaluation runs, threat patterns and verdicts of the organization entered."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.evaluations.models import Calibration, EvaluationRun, ThreatPattern, VerdictLabel
from apps.evaluations.services import threat_patterns
from apps.organizations.administration import actor_of
from apps.platform import clock
from apps.platform.administration import TenantAdmin


@admin.register(EvaluationRun)
class EvaluationRunAdmin(TenantAdmin):
    """Runs and how far they are."""

    list_display = ("public_id", "application", "status", "done", "failed", "total", "asked_by", "created_at")
    list_filter = ("status",)
    search_fields = ("public_id",)
    list_select_related = ("application",)
    ordering = ("-id",)


@admin.register(ThreatPattern)
class ThreatPatternAdmin(TenantAdmin):
    """Threat patterns across applications, and what each matched of harmless messages."""

    list_display = ("name", "version", "type", "severity", "status", "source", "benign_hits", "benign_messages",
                    "created_by", "approved_by")  # fmt: skip
    list_filter = ("status", "source", "type")
    search_fields = ("name", "pattern")
    ordering = ("-id",)
    actions = ("retire",)

    @admin.action(description="Retire: no analysis runs it any more", permissions=["act"])
    def retire(self, request: HttpRequest, chosen: QuerySet[ThreatPattern]) -> None:
        """Take them out of the analyzers, as an administrator of the organization would."""
        patterns = list(chosen.select_related("organization").exclude(status=ThreatPattern.Status.RETIRED))
        for each in patterns:
            at = clock.now(each.organization)
            threat_patterns.retire(pattern=each, organization=each.organization, at=at, actor=actor_of(request))
        messages.success(request, f"{len(patterns)} retired.")


@admin.register(VerdictLabel)
class VerdictLabelAdmin(TenantAdmin):
    """What people said of verdicts."""

    list_display = ("conversation", "finding", "person", "is_attack", "outcome", "detected", "at")
    list_filter = ("is_attack", "detected")
    list_select_related = ("conversation",)
    ordering = ("-id",)


@admin.register(Calibration)
class CalibrationAdmin(TenantAdmin):
    """Samples drawn for calibration."""

    list_display = ("application", "drawn_at", "drawn_by", "flagged", "unflagged", "flagged_judged",
                    "unflagged_judged")  # fmt: skip
    list_select_related = ("application",)
    ordering = ("-id",)
