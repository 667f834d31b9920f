"""Jobs: what waits, what is under way, what was set aside for a person."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.platform import clock, work
from apps.platform.administration import ReadOnlyAdmin
from apps.platform.models import WorkItem


@admin.register(WorkItem)
class WorkItemAdmin(ReadOnlyAdmin):
    """Work items: ids and leases, never content."""

    list_display = ("kind", "key", "organization", "state", "attempts", "due_at", "parked_reason")
    list_filter = ("kind",)
    search_fields = ("key", "organization__slug")
    list_select_related = ("organization",)
    ordering = ("due_at",)
    actions = ("try_again",)

    @admin.display(description="state")
    def state(self, item: WorkItem) -> str:
        """Return where the work stands."""
        if item.parked_reason:
            return "parked"
        return "under way" if item.lease_until is not None and item.lease_until > clock.wall() else "waiting"

    @admin.action(description="Try parked work again")
    def try_again(self, request: HttpRequest, chosen: QuerySet[WorkItem]) -> None:
        """Put parked work back."""
        again = sum(
            work.retry_parked(organization_id=item.organization_id, kind=item.kind, key=item.key) for item in chosen
        )
        messages.success(request, f"{again} will be tried again.")
