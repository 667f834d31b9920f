"""The page of an organization's redaction policy."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.ingestion.domain.redaction import POLICIES, Redactor
from apps.ingestion.services.policies import set_redaction
from apps.organizations.web.access import ADMINISTRATORS, Access, portal_page

_WORDS = {
    "mask": "Mask: each address, number or secret is replaced by its kind",
    "drop": "Drop: a text that holds any is replaced as a whole",
    "off": "Off: texts are stored as they come",
}
# What each policy leaves of a text is shown, not described: these go through the redaction itself.
_SAMPLES = (
    "My order 10023345 never came. Mail me at joe@example.com or call +49 151 23456789.",
    "Pay with 4111 1111 1111 1111, or from DE89 3704 0044 0532 0130 00.",
    "The password: hunter2secret does not work from 203.0.113.7.",
    "I would like to see your opening hours.",
)


class RedactionForm(forms.Form):
    """The policy."""

    policy = forms.ChoiceField(
        choices=[(policy, _WORDS[policy]) for policy in POLICIES],
        widget=forms.RadioSelect,
        label="Personal data in what is captured from now on",
    )


@portal_page(ADMINISTRATORS)
def redaction(request: HttpRequest, access: Access) -> HttpResponse:
    """Show and change what becomes of personal data."""
    form = RedactionForm(request.POST or None, initial={"policy": access.organization.redaction})
    if request.method == "POST" and form.is_valid():
        changed = set_redaction(
            organization_id=access.organization.id,
            policy=form.cleaned_data["policy"],
            at=access.now,
            actor=access.actor,
        )
        if changed:
            messages.success(request, "The policy is changed for what is captured from now on.")
        return redirect("redaction")
    context: dict[str, Any] = {
        "form": form,
        "action": reverse("redaction"),
        "policy": access.organization.redaction,
        "samples": [{"text": text, "stored": [Redactor(each).text(text) for each in POLICIES]} for text in _SAMPLES],
        "policies": [{"name": each, "current": each == access.organization.redaction} for each in POLICIES],
    }
    return TemplateResponse(request, "portal/redaction.html", context, status=422 if form.errors else 200)
