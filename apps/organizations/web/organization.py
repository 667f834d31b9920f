"""The page of an organization itself: what it is set to, and its end."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.organizations.services.reading import set_audit_reads
from apps.organizations.web.access import ADMINISTRATORS, OWNERS, Access, portal_page


class SafetyForm(forms.Form):
    """What the organization asks of its people."""

    audit_reads = forms.BooleanField(
        required=False,
        label="Write down who reads which conversation",
        help_text="In the audit trail: pages, pinned copies and the API, once an hour for each reader; every CSV.",
    )


@portal_page(ADMINISTRATORS)
def organization(request: HttpRequest, access: Access) -> HttpResponse:
    """Show and change what the organization is set to; owners find its end here."""
    found = access.organization
    form = SafetyForm(request.POST or None, initial={"audit_reads": found.audit_reads})
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data["audit_reads"]
        if set_audit_reads(organization=found, asked=asked, at=access.now, actor=access.actor):
            messages.success(request, f"Reading is {'' if asked else 'no longer '}written down from now on.")
        return redirect("organization")
    context = {
        "facts": [
            ("Address", found.slug),
            ("Time zone", found.zone),
            ("Currency", found.currency or "not said yet"),
            ("Texts are kept", f"{found.retention_days} days, unless an application says otherwise"),
            ("Personal data", found.get_redaction_display().lower()),
        ],
        "form": form,
        "action": reverse("organization"),
        "slug": found.slug,
        "erase_url": reverse("erase_organization") if access.may(OWNERS) else None,
    }
    return TemplateResponse(request, "portal/organization.html", context)
