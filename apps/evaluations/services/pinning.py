"""Pinning: a person keeps a conversation beyond retention, says why, and lets it go again. Each with its audit row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apps.evaluations.models import PinnedConversation
from apps.evaluations.selectors import AnalyzedConversation
from apps.ingestion.domain.redaction import Redactor
from apps.ingestion.selectors import MessageRow
from apps.organizations.models import Organization
from apps.organizations.services import record_audit

MOST_MESSAGES = 500
# What is kept for ever must stay something that people look through.
MOST_PINNED = 1_000
_FINDING = ("type", "severity", "outcome", "message_index")


class CannotPin(ValueError):
    """It is not pinned; the message is for the person who asked."""


def pin(
    *, found: AnalyzedConversation, organization: Organization, reason: str, at: datetime, actor: str
) -> PinnedConversation:
    """Keep a copy of a conversation as it is now; pinned again, the copy is made anew. Call inside tenant(...).

    Personal data is masked in it once more, whatever the organization's policy was when it was captured. Raises
    CannotPin without a reason, or where there are as many pins as an organization may have.
    """
    said = " ".join(reason.split())[:500]
    if not said:
        raise CannotPin("Say why it is to be kept.")
    # Two people at once take turns, so that the limit holds.
    Organization.objects.select_for_update(no_key=True).get(id=organization.id)
    row, others = found.row, PinnedConversation.objects.exclude(conversation_id=found.row.id)
    if others.count() >= MOST_PINNED:
        raise CannotPin(f"{MOST_PINNED:,} conversations are pinned already; unpin one first.")
    pinned: PinnedConversation
    pinned, made = PinnedConversation.objects.update_or_create(
        organization_id=organization.id, conversation_id=row.id,
        defaults={
            "application_id": row.application_id, "session_id": row.session_id, "user_hash": row.user_hash,
            "agent": row.agent, "prompt_version": row.prompt_version, "started_at": row.started_at,
            "last_at": row.last_at, "messages": _copy(found.messages[:MOST_MESSAGES]),
            "left_out": max(0, len(found.messages) - MOST_MESSAGES), "findings": _findings(found.results),
            "quality_score": (found.results.get("quality") or {}).get("score"), "reason": said, "pinned_by": actor,
            "pinned_at": at,
        },
    )  # fmt: skip
    record_audit(
        organization_id=organization.id, at=at, actor=actor, action="conversation.pinned", subject=str(row.id),
        reason=said, again=not made,
    )  # fmt: skip
    return pinned


def unpin(*, pinned: PinnedConversation, at: datetime, actor: str) -> None:
    """Let a copy go; the conversation stays as long as retention keeps it. Call inside tenant(...)."""
    if PinnedConversation.objects.filter(id=pinned.id).delete()[0]:
        record_audit(
            organization_id=pinned.organization_id, at=at, actor=actor, action="conversation.unpinned",
            subject=str(pinned.conversation_id),
        )  # fmt: skip


def _copy(messages: list[MessageRow]) -> list[dict[str, Any]]:
    texts = Redactor("mask").texts([each.content for each in messages])
    return [
        {"role": each.role, "content": text, "sent_at": each.sent_at.isoformat()}
        for each, text in zip(messages, texts, strict=True)
    ]


def _findings(results: dict[str, Any]) -> list[dict[str, Any]]:
    incidents = (results.get("security") or {}).get("incidents") or []
    return [{key: incident[key] for key in _FINDING} for incident in incidents[:100]]
