"""Erasing the person a conversation is of, from its page, and an organization from its own."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.cycles.services.erasing import ask_erasure
from apps.cycles.services.erasing_organizations import ask_organization_erasure
from apps.ingestion.selectors import person_of
from apps.organizations.web.access import ADMINISTRATORS, OWNERS, Access, forget_choice, page_url, portal_page


@require_POST
@portal_page(ADMINISTRATORS)
def erase_person(request: HttpRequest, access: Access, conversation_id: int) -> HttpResponse:
    """Have everything of this person erased, once who asks has confirmed it."""
    person = person_of(conversation_id)
    if person is None:
        raise Http404("There is no such conversation.")
    if not person:
        messages.error(request, "This conversation names no user, so there is nobody to erase.")
        return redirect("conversation", conversation_id=conversation_id)
    if request.POST.get("confirm") != "erase":
        messages.error(request, "Confirm that this person's conversations are to be erased for good.")
        return redirect("conversation", conversation_id=conversation_id)
    ask_erasure(organization_id=access.organization.id, person=person, at=access.now, actor=access.actor)
    messages.success(
        request, "This person's conversations are being erased. What was counted stays in frozen reports, without them."
    )
    return redirect(page_url("conversations", access))


@require_POST
@portal_page(OWNERS)
def erase_organization(request: HttpRequest, access: Access) -> HttpResponse:
    """Have the whole organization erased, once an owner has typed its address."""
    if request.POST.get("confirm", "").strip() != access.organization.slug:
        messages.error(request, f"Nothing was erased: type {access.organization.slug} to confirm.")
        return redirect("organization")
    ask_organization_erasure(organization=access.organization, actor=access.actor)
    forget_choice(request)
    messages.success(request, f"{access.organization.name} is closed and being erased. Its keys open nothing any more.")
    return redirect("organizations")
