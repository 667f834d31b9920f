"""API keys: which there are, and their end."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.organizations import services
from apps.organizations.administration import actor_of
from apps.organizations.models import ApiKey
from apps.platform import clock
from apps.platform.administration import ReadOnlyAdmin


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys by prefix; the secret is kept nowhere. Which application a key is bound to is the organization's own."""

    list_display = ("__str__", "organization", "name", "scopes", "last_used_at", "expires_at", "revoked_at")
    search_fields = ("prefix", "name", "organization__slug")
    list_select_related = ("organization",)
    ordering = ("-id",)
    fields = ("organization", "prefix", "name", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["act"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        """Revoke live keys at once."""
        revoked = sum(
            services.revoke_key(
                organization_id=each.organization_id, prefix=each.prefix, at=clock.wall(), actor=actor_of(request)
            )
            for each in chosen
        )
        messages.success(request, f"{revoked} revoked.")
