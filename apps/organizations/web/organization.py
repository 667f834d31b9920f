"""The page of an organization itself: what it is set to, and its end."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.organizations import selectors, services
from apps.organizations.services.reading import set_audit_reads
from apps.organizations.web.access import ADMINISTRATORS, OWNERS, Access, portal_page


class SafetyForm(forms.Form):
    """What the organization asks of its people."""

    require_mfa = forms.BooleanField(
        required=False,
        label="Ask everybody for two-factor sign-in",
        help_text="Who has no authenticator app or security key is led to set one up, and sees nothing else.",
    )
    audit_reads = forms.BooleanField(
        required=False,
        label="Write down who reads which conversation",
        help_text="In the audit trail: pages, pinned copies and the API, once an hour for each reader; every CSV.",
    )


@portal_page(ADMINISTRATORS)
def organization(request: HttpRequest, access: Access) -> HttpResponse:
    """Show and change what the organization is set to; owners find its end here."""
    found = access.organization
    form = SafetyForm(
        request.POST or None, initial={"require_mfa": found.require_mfa, "audit_reads": found.audit_reads}
    )
    if request.method == "POST" and form.is_valid() and _save(request, access, form):
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
    return TemplateResponse(request, "portal/organization.html", context, status=422 if form.errors else 200)


def _save(request: HttpRequest, access: Access, form: SafetyForm) -> bool:
    """Save both settings; say why not where that would lock out who asks."""
    found, asked = access.organization, form.cleaned_data
    try:
        second = services.set_require_mfa(
            organization=found, asked=asked["require_mfa"], at=access.now, actor=access.actor,
            actor_has_it=selectors.has_second_factor(access.membership.user_id),
        )  # fmt: skip
    except services.NotYourself as error:
        form.add_error("require_mfa", str(error))
        return False
    if second:
        messages.success(
            request, f"Everybody {'needs' if asked['require_mfa'] else 'no longer needs'} a second factor."
        )
    if set_audit_reads(organization=found, asked=asked["audit_reads"], at=access.now, actor=access.actor):
        messages.success(request, f"Reading is {'' if asked['audit_reads'] else 'no longer '}written down from now on.")
    return True
