"""Organizations, their applications and their audit trail; the step into one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.organizations.administration import actor_of, enter, leave
from apps.organizations.models import Application, AuditEvent, Organization, OrganizationErasure
from apps.organizations.services import record_audit
from apps.platform import clock
from apps.platform.administration import ReadOnlyAdmin, TenantAdmin


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    """Settings of an organization. Sign-up and ``createkey`` make them."""

    list_display = ("name", "slug", "sandbox", "redaction", "retention_days", "rate_share", "require_mfa", "created_at")
    list_filter = ("sandbox", "redaction")
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = ("name", "slug", "sandbox", "clock_at", "zone", "currency", "redaction", "retention_days", "two_people",
              "require_mfa", "audit_reads", "rate_share", "created_at")  # fmt: skip
    readonly_fields = ("slug", "sandbox", "clock_at", "created_at")
    actions = ("enter_organization", "leave_organization")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_act_permission(request)

    def save_model(self, request: HttpRequest, obj: Organization, form: ModelForm[Organization], change: Any) -> None:
        """Save, and say so in the organization's own audit trail."""
        super().save_model(request, obj, form, change)
        record_audit(
            organization_id=obj.id, at=clock.now(obj), actor=actor_of(request), action="organization.changed",
            subject=obj.slug, **{name: str(form.cleaned_data[name]) for name in form.changed_data},
        )  # fmt: skip

    @admin.action(description="Enter the organization: see its rows", permissions=["act"])
    def enter_organization(self, request: HttpRequest, chosen: QuerySet[Organization]) -> None:
        """Enter the one chosen."""
        found = list(chosen[:2])
        if len(found) != 1:
            messages.error(request, "Choose one organization to enter.")
            return
        enter(request, found[0])
        messages.success(request, f"You are in {found[0].name}. Its audit trail says so.")

    @admin.action(description="Leave the organization entered")
    def leave_organization(self, request: HttpRequest, chosen: QuerySet[Organization]) -> None:
        """Leave, whichever is chosen."""
        leave(request)
        messages.success(request, "You are in no organization.")


@admin.register(OrganizationErasure)
class OrganizationErasureAdmin(ReadOnlyAdmin):
    """Organizations that were erased, or are being: who asked, and how much went. Nothing says which they were."""

    list_display = ("__str__", "asked_by", "asked_at", "finished_at")
    ordering = ("-id",)
    fields = ("fingerprint", "asked_by", "asked_at", "finished_at", "counts")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what."""

    list_display = ("at", "organization", "actor", "action", "subject")
    search_fields = ("actor", "subject", "action")
    list_select_related = ("organization",)
    ordering = ("-id",)


@admin.register(Application)
class ApplicationAdmin(TenantAdmin):
    """Applications of the organization entered."""

    list_display = ("name", "slug", "environment", "created_at")
    search_fields = ("name", "slug")
    ordering = ("name",)
