"""The administration: for staff, through the ordinary sign-in, one organization entered at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from apps.organizations.models import Organization
from apps.organizations.services import record_audit
from apps.platform import clock
from apps.platform.answers import Refused, rendered
from apps.platform.tenancy import tenant

_ENTERED = "administration.organization_id"
# Unfold's pages run on Alpine, which evaluates attributes and writes styles. Nowhere else is this allowed.
_POLICY = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}

View = Callable[..., HttpResponseBase]


class AdministrationSite(UnfoldAdminSite):  # type: ignore[misc]
    """Every view runs inside the organization that was entered, if one was."""

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Guard a view: staff only, its own policy, and a tenant block around it and its template."""
        guarded: View = csp_update(_POLICY)(super().admin_view(_inside(view), cacheable))
        return guarded

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Send to the portal's sign-in: one door, with its second factor and its limits."""
        if request.user.is_authenticated:
            raise PermissionDenied("The administration is for staff.")
        return redirect_to_login(request.GET.get("next", reverse("admin:index")), reverse("account_login"))


def _inside(view: View) -> View:
    @wraps(view)
    def page(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponseBase:
        chosen = request.session.get(_ENTERED)
        entered = Organization.objects.filter(id=chosen).first() if chosen is not None else None
        request.entered = entered  # type: ignore[attr-defined]
        if entered is None:
            return view(request, *arguments, **named)
        try:
            with tenant(entered.id):
                return rendered(view(request, *arguments, **named))
        except Refused as refused:
            return refused.response
        finally:
            request.entered = None  # type: ignore[attr-defined]

    return page


def enter(request: HttpRequest, organization: Organization) -> None:
    """Look into an organization from now on; its audit trail says who did."""
    record_audit(
        organization_id=organization.id, at=clock.now(organization), actor=actor_of(request),
        action="administration.entered", subject=organization.slug,
    )  # fmt: skip
    request.session[_ENTERED] = organization.id


def leave(request: HttpRequest) -> None:
    """Look into no organization any more."""
    request.session.pop(_ENTERED, None)


def entered_label(request: HttpRequest) -> list[str] | None:
    """Return what the head of every page says about the organization entered."""
    entered = getattr(request, "entered", None)
    return [f"in {entered.name}", "warning"] if entered is not None else None


def actor_of(request: HttpRequest) -> str:
    """Return the name the audit trail knows the person by."""
    return str(getattr(request.user, "email", "") or request.user.get_username())
