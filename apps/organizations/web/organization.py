"""The page of an organization itself: what it is, and its end."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.organizations.web.access import ADMINISTRATORS, OWNERS, Access, portal_page


@require_safe
@portal_page(ADMINISTRATORS)
def organization(request: HttpRequest, access: Access) -> HttpResponse:
    """Show what the organization is set to; owners find its end here."""
    found = access.organization
    context = {
        "facts": [
            ("Address", found.slug),
            ("Time zone", found.zone),
            ("Currency", found.currency or "not said yet"),
            ("Texts are kept", f"{found.retention_days} days, unless an application says otherwise"),
            ("Personal data", found.get_redaction_display().lower()),
        ],
        "slug": found.slug,
        "erase_url": reverse("erase_organization") if access.may(OWNERS) else None,
    }
    return TemplateResponse(request, "portal/organization.html", context)
