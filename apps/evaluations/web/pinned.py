"""Pinned conversations: kept beyond retention by a person, listed, read, let go."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from apps.evaluations import selectors as analyzed
from apps.evaluations.models import PinnedConversation
from apps.evaluations.selectors import pinned as selectors
from apps.evaluations.services import pinning
from apps.evaluations.web.words import say
from apps.organizations.services.reading import note_reading
from apps.organizations.web.access import READERS, WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before

_PAGE = 50
_LONGEST_QUESTION = 200


@require_safe
@portal_page(READERS)
def pinned_list(request: HttpRequest, access: Access) -> HttpResponse:
    """List what is pinned, newest first; ``q`` is looked for in reasons and session ids."""
    before, words = read_before(request), request.GET.get("q", "").strip()[:_LONGEST_QUESTION]
    found = selectors.list_pinned(
        application_id=access.application_id, words=words, before=before, limit=_PAGE + 1
    )  # fmt: skip
    page, pager = cut_page(found, _PAGE, "pinned", access, before=before, q=words)
    context = {
        "rows": [
            {
                "session_id": each.session_id, "url": page_url("pinned_conversation", access, each.id),
                "application": each.application.name, "started_at": each.started_at, "reason": each.reason,
                "by": each.pinned_by, "at": each.pinned_at,
                "found": ", ".join(dict.fromkeys(say(finding["type"]) for finding in each.findings)),
                "unpin_url": _unpin_url(each, access),
            }
            for each in page
        ],
        "page": pager,
        "words": words,
        "hidden": {"application": access.application.slug} if access.application else {},
        "empty": {
            "title": "Nothing fits" if words else "Nothing is pinned",
            "text": "Pin a conversation on its page to keep a masked copy of it beyond retention, with your reason.",
        },
        "crumbs": [{"label": "Conversations", "url": page_url("conversations", access)}],
    }  # fmt: skip
    return TemplateResponse(request, "portal/pinned_list.html", context)


@require_safe
@portal_page(READERS)
def pinned(request: HttpRequest, access: Access, pin_id: int) -> HttpResponse:
    """Show a copy as it was kept."""
    found = _find(pin_id)
    note_reading(
        organization=access.organization, conversation_id=found.conversation_id, at=access.now, actor=access.actor,
        where="copy",
    )  # fmt: skip
    there = analyzed.get_conversation(found.conversation_id) is not None
    context = {
        "pinned": {
            "session_id": found.session_id, "application": found.application.name, "started_at": found.started_at,
            "agent": found.agent, "prompt_version": found.prompt_version, "quality": found.quality_score,
            "reason": found.reason, "by": found.pinned_by, "at": found.pinned_at,
        },
        "turns": [
            {"role": each["role"], "who": each["role"].capitalize(), "index": number, "content": each["content"],
             "spans": [], "sent_at": parse_datetime(each["sent_at"])}
            for number, each in enumerate(found.messages, start=1)
        ],
        "cut": found.left_out,
        "findings": [
            {"type": say(each["type"]), "severity": each["severity"], "outcome": each["outcome"],
             "anchor": f"m{each['message_index'] + 1}"}
            for each in found.findings
        ],
        "conversation_url": page_url("conversation", access, found.conversation_id) if there else None,
        "unpin_url": _unpin_url(found, access),
        "crumbs": [{"label": "Pinned", "url": page_url("pinned", access)}],
    }  # fmt: skip
    return TemplateResponse(request, "portal/pinned.html", context)


@require_POST
@portal_page(WORKERS)
def pin(request: HttpRequest, access: Access, conversation_id: int) -> HttpResponse:
    """Keep a copy of a conversation, with the reason that was given."""
    found = analyzed.get_conversation(conversation_id)
    if found is None:
        raise Http404("There is no such conversation.")
    try:
        pinning.pin(
            found=found, organization=access.organization, reason=request.POST.get("reason", ""), at=access.now,
            actor=access.actor,
        )  # fmt: skip
    except pinning.CannotPin as error:
        messages.error(request, str(error))
    return redirect("conversation", conversation_id=conversation_id)


@require_POST
@portal_page(WORKERS)
def unpin(request: HttpRequest, access: Access, pin_id: int) -> HttpResponse:
    """Let a copy go."""
    found = _find(pin_id)
    pinning.unpin(pinned=found, at=access.now, actor=access.actor)
    messages.success(request, f"{found.session_id} is no longer pinned.")
    return redirect(page_url("pinned", access))


def pin_context(conversation_id: int, kept: PinnedConversation | None, access: Access) -> dict[str, Any]:
    """Return what components/pin.html shows of a conversation."""
    if kept is None:
        return {"pin_url": reverse("pin_conversation", args=[conversation_id]) if access.may(WORKERS) else None}
    return {
        "reason": kept.reason, "by": kept.pinned_by, "at": kept.pinned_at,
        "url": page_url("pinned_conversation", access, kept.id), "unpin_url": _unpin_url(kept, access),
    }  # fmt: skip


def _find(pin_id: int) -> PinnedConversation:
    found = selectors.find_pin(pin_id)
    if found is None:
        raise Http404("There is no such pinned conversation.")
    return found


def _unpin_url(pinned: PinnedConversation, access: Access) -> str | None:
    return reverse("unpin_conversation", args=[pinned.id]) if access.may(WORKERS) else None
