"""Erasing the person a conversation is of, from its page."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.cycles.services.erasing import ask_erasure
from apps.ingestion.selectors import person_of
from apps.organizations.web.access import ADMINISTRATORS, Access, page_url, portal_page


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
