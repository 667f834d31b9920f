"""Jobs: what waits, what is under way, what was set aside for a person."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from apps.organizations.administration import actor_of
from apps.organizations.services import record_audit
from apps.platform import clock, work
from apps.platform.administration import ReadOnlyAdmin
from apps.platform.models import WorkItem


class Standing(admin.SimpleListFilter):
    """Where work stands."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [("parked", "parked"), ("under_way", "under way"), ("waiting", "waiting")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WorkItem]) -> QuerySet[WorkItem]:
        """Return the work in the state asked for."""
        held = Q(lease_until__gt=clock.wall())
        conditions = {
            "parked": ~Q(parked_reason=""),
            "under_way": Q(parked_reason="") & held,
            "waiting": Q(parked_reason="") & ~held,
        }
        condition = conditions.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


@admin.register(WorkItem)
class WorkItemAdmin(ReadOnlyAdmin):
    """Work items: ids and leases, never content."""

    list_display = ("kind", "key", "organization", "state", "attempts", "due_at", "parked_reason")
    list_filter = (Standing, "kind")
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

    @admin.action(description="Try parked work again", permissions=["act"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[WorkItem]) -> None:
        """Put parked work back; the organization's audit trail says who did."""
        again = 0
        for item in chosen.select_related("organization").exclude(parked_reason=""):
            if work.retry_parked(organization_id=item.organization_id, kind=item.kind, key=item.key):
                again += 1
                record_audit(
                    organization_id=item.organization_id, at=clock.now(item.organization), actor=actor_of(request),
                    action="work.tried_again", subject=f"{item.kind} {item.key}"[:200],
                )  # fmt: skip
        messages.success(request, f"{again} will be tried again.")
