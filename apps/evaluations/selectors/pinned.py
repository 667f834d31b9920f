"""Reads of pinned conversations. Call inside tenant(...)."""

from __future__ import annotations

from apps.evaluations.models import PinnedConversation


def find_pin(pin_id: int) -> PinnedConversation | None:
    """Return the current organization's pin of this id."""
    return PinnedConversation.objects.select_related("application").filter(id=pin_id).first()


def find_pin_of(conversation_id: int) -> PinnedConversation | None:
    """Return the pin of a conversation, without its messages."""
    return PinnedConversation.objects.defer("messages").filter(conversation_id=conversation_id).first()


def list_pinned(*, application_id: int | None, words: str, before: int | None, limit: int) -> list[PinnedConversation]:
    """Return a page of pins without their messages, newest first; ``words`` stand in the reason or the session id."""
    rows = PinnedConversation.objects.defer("messages").select_related("application")
    if application_id is not None:
        rows = rows.filter(application_id=application_id)
    if words:
        rows = rows.filter(reason__icontains=words) | rows.filter(session_id=words)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])
