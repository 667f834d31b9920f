"""Adopting an entry of the library: another application's prompt takes it over, and its effect is measured anew.

What won for one application's customers may lose with another's: an adoption is a proposal like any other, with the
entry as its reason. Only where there is nothing to compare with does it go straight into use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from apps.improvements.models import Improvement
from apps.improvements.services.proposing import propose_by_hand
from apps.library import selectors as library
from apps.library.domain.prompts import check_name
from apps.library.models import Adoption, LibraryEntry, PromptVersion
from apps.library.services.prompts import add_version, create_prompt
from apps.organizations.models import Application
from apps.organizations.services import record_audit

SERVED = "production"


@dataclass(frozen=True)
class Adopted:
    """What an adoption led to: no improvement where the application had no prompt to compare it with."""

    adoption: Adoption
    improvement: Improvement | None
    is_new: bool


def adopt(*, entry: LibraryEntry, application: Application, at: datetime, actor: str, prompt_name: str = "") -> Adopted:
    """Have an application take an entry over into its prompt; repeating it changes nothing. Call inside tenant(...).

    ``prompt_name`` defaults to the application's own copy, named after both. Raises BadPrompt for a name that cannot
    be one, ValueError where the entry is withdrawn, or in production there already.
    """
    before = Adoption.objects.select_related("version__prompt").filter(entry=entry, application=application).first()
    if before is not None:
        return Adopted(before, _improvement_of(before), is_new=False)
    if entry.withdrawn_at is not None:
        raise ValueError("it is no longer offered")
    name = check_name(prompt_name or f"{application.slug}-{entry.version.prompt.name}"[:100])
    version, is_forked = _take_over(entry, name, at=at, actor=actor)
    adoption = Adoption.objects.create(
        organization_id=entry.organization_id, entry=entry, application=application, version=version, adopted_by=actor,
        adopted_at=at,
    )  # fmt: skip
    record_audit(
        organization_id=entry.organization_id, at=at, actor=actor, action="entry.adopted", subject=entry.public_id,
        application=application.slug, version=f"{name}@{version.number}",
    )  # fmt: skip
    if is_forked:
        return Adopted(adoption, None, is_new=True)
    improvement = propose_by_hand(
        application=application, version=version, title=entry.title, why=_why(entry), metric=entry.metric, at=at,
        actor=actor,
    )  # fmt: skip
    return Adopted(adoption, improvement, is_new=True)


def _take_over(entry: LibraryEntry, name: str, *, at: datetime, actor: str) -> tuple[PromptVersion, bool]:
    """Return the version that now says what the entry says, and whether its prompt was made for it."""
    origin = entry.version
    if name == origin.prompt.name:
        return origin, False
    target = library.find_prompt(name)
    if target is None:
        version, _ = create_prompt(
            organization_id=entry.organization_id, name=name, kind=origin.prompt.type, content=origin.content,
            config=origin.config, labels=[SERVED], description=_provenance(entry), tags=origin.prompt.tags, at=at,
            actor=actor,
        )  # fmt: skip
        return version, True
    version, _ = add_version(
        prompt=target, content=origin.content, config=origin.config, note=_provenance(entry), at=at, actor=actor
    )
    return version, False


def _improvement_of(adoption: Adoption) -> Improvement | None:
    rows = Improvement.objects.filter(
        application_id=adoption.application_id, prompt_id=adoption.version.prompt_id, version=adoption.version.number
    )
    return rows.order_by("-id").first()


def _provenance(entry: LibraryEntry) -> str:
    return f"adopted from {entry.version.prompt.name} version {entry.version.number} ({entry.public_id})"


def _why(entry: LibraryEntry) -> str:
    origin = f"{entry.version.prompt.name} version {entry.version.number}"
    return f"Shared by {entry.shared_by} as “{entry.title}”: {origin}. Its effect there need not be its effect here."
