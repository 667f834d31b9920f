"""The library of the organization entered."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.library.models import (
    Backtest,
    Guardrail,
    GuardrailActivation,
    LabelAssignment,
    Prompt,
    PromptVersion,
    ResponseTemplate,
)
from apps.library.services.guardrails import deactivate
from apps.organizations.administration import actor_of
from apps.platform import clock
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


@admin.register(Guardrail)
class GuardrailAdmin(TenantAdmin):
    """Versions of guardrails, which never change."""

    list_display = ("name", "version", "content_hash", "note", "created_by", "created_at")
    search_fields = ("name", "content_hash")
    ordering = ("-id",)


@admin.register(GuardrailActivation)
class GuardrailActivationAdmin(TenantAdmin):
    """Where versions were in force."""

    list_display = ("guardrail", "application", "requested_by", "approved_by", "at", "ended_at", "ended_by")
    search_fields = ("name",)
    list_select_related = ("guardrail", "application")
    ordering = ("-id",)
    actions = ("take_out",)

    @admin.action(description="Take out of force", permissions=["act"])
    def take_out(self, request: HttpRequest, chosen: QuerySet[GuardrailActivation]) -> None:
        """End what stands or waits there: for one that blocks the harmless while its organization sleeps."""
        rows = chosen.select_related("organization", "application").filter(ended_at=None)
        ended = [
            deactivate(
                name=each.name, application=each.application, at=clock.now(each.organization),
                actor=actor_of(request), reason="by the operator",
            )
            for each in rows
        ]  # fmt: skip
        messages.success(request, f"{sum(each is not None for each in ended)} taken out of force.")


@admin.register(Backtest)
class BacktestAdmin(TenantAdmin):
    """What guardrails would have done."""

    list_display = ("public_id", "guardrail", "application", "status", "since", "until", "asked_by", "finished_at")
    list_filter = ("status",)
    list_select_related = ("guardrail", "application")
    ordering = ("-id",)


@admin.register(ResponseTemplate)
class ResponseTemplateAdmin(TenantAdmin):
    """Replies kept to be said again; whose they were is not shown."""

    list_display = ("public_id", "name", "application", "status", "score", "conversations", "decided_by", "decided_at")
    list_filter = ("status",)
    search_fields = ("name", "public_id")
    list_select_related = ("application",)
    exclude = ("session_id", "user_hash", "signature", "conversation")
    ordering = ("-id",)
