"""A prompt's version offered to the organization's other applications, and withdrawn. Adopting is improvements'."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.library.domain.prompts import BadPrompt
from apps.library.models import LibraryEntry, PromptVersion
from apps.organizations.services import record_audit
from apps.platform.identifiers import new_identifier

_LONGEST_DESCRIPTION = 2_000
_MOST_TAGS = 20


def share(
    *,
    version: PromptVersion,
    metric: str,
    at: datetime,
    actor: str,
    title: str = "",
    description: str = "",
    tags: Sequence[str] = (),
) -> tuple[LibraryEntry, bool]:
    """Offer a version; return its entry and whether it is new. One that was withdrawn is offered again as it was.

    Call inside tenant(...). Raises BadPrompt for texts beyond their limits.
    """
    if len(description) > _LONGEST_DESCRIPTION or len(tags) > _MOST_TAGS or any(len(tag) > 50 for tag in tags):
        raise BadPrompt("A description has at most 2,000 characters; there are at most 20 tags of 50 characters.")
    entry, made = LibraryEntry.objects.get_or_create(
        organization_id=version.organization_id, version=version,
        defaults={
            "public_id": new_identifier("e"), "title": (title or f"{version.prompt.name} {version.number}")[:200],
            "description": description, "tags": list(tags), "metric": metric, "shared_by": actor, "shared_at": at,
        },
    )  # fmt: skip
    again = not made and entry.withdrawn_at is not None
    if again:
        entry.withdrawn_at = None
        entry.save(update_fields=["withdrawn_at"])
    if made or again:
        _record(entry, "entry.shared", at=at, actor=actor)
    return entry, made


def withdraw(*, entry: LibraryEntry, at: datetime, actor: str) -> bool:
    """Offer it no longer; who adopted it keeps it. Return whether it was offered. Call inside tenant(...)."""
    ended = LibraryEntry.objects.filter(id=entry.id, withdrawn_at=None).update(withdrawn_at=at)
    if ended:
        entry.withdrawn_at = at
        _record(entry, "entry.withdrawn", at=at, actor=actor)
    return bool(ended)


def _record(entry: LibraryEntry, action: str, *, at: datetime, actor: str) -> None:
    record_audit(
        organization_id=entry.organization_id, at=at, actor=actor, action=action, subject=entry.public_id,
        version=f"{entry.version.prompt.name}@{entry.version.number}",
    )  # fmt: skip
