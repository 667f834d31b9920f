"""Prompts written, versions added, labels moved. Each with its audit row; each may be repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.evaluations.services.served_prompts import remember_prompt
from apps.library.domain.prompts import (
    BadPrompt,
    check_config,
    check_content,
    check_labels,
    check_name,
    content_hash,
)
from apps.library.models import LabelAssignment, Prompt, PromptVersion
from apps.organizations.services import record_audit


class PromptExists(Exception):
    """A prompt of this name is there already and says something else."""


def create_prompt(
    *,
    organization_id: int,
    name: object,
    content: object,
    at: datetime,
    actor: str,
    kind: str = "text",
    config: object = None,
    labels: object = None,
    description: str = "",
    tags: Sequence[str] = (),
    owner: str = "",
) -> tuple[PromptVersion, bool]:
    """Write a prompt and its version 1; return that and whether it is new. Call inside tenant(...).

    Repeating it changes nothing. Raises BadPrompt for what cannot be a prompt, PromptExists where the name is taken
    by a prompt that does not say this.
    """
    name, given = check_name(name), check_labels(labels or [])
    checked = check_content(kind, content)
    settings = check_config(config if config is not None else {})
    if len(description) > 500 or len(tags) > 20 or any(len(tag) > 50 for tag in tags):
        raise BadPrompt("A description has at most 500 characters; there are at most 20 tags of 50 characters.")
    prompt, made = Prompt.objects.get_or_create(
        organization_id=organization_id,
        name=name,
        defaults={
            "type": kind, "description": description, "tags": list(tags), "owner": owner or actor,
            "created_by": actor, "created_at": at,
        },
    )  # fmt: skip
    if not made:
        first = PromptVersion.objects.select_related("prompt").filter(
            prompt=prompt, content_hash=content_hash(kind, checked, settings)
        )
        if (same := first.first()) is None or prompt.type != kind:
            raise PromptExists(f"There is a prompt {name!r} already; add a version to it.")
        return same, False
    record_audit(organization_id=organization_id, at=at, actor=actor, action="prompt.created", subject=name)
    version, _ = _write_version(prompt, checked, settings, at=at, actor=actor, note="", parent=None)
    set_labels(version=version, labels=given, at=at, actor=actor)
    return version, True


def add_version(
    *,
    prompt: Prompt,
    content: object,
    at: datetime,
    actor: str,
    config: object = None,
    note: str = "",
    parent: int | None = None,
) -> tuple[PromptVersion, bool]:
    """Add a version; return it and whether it is new: what the prompt said before is the version it was then.

    ``parent`` is the version it was written from (default: the newest), whose config holds where none is given. Call
    inside tenant(...). Raises BadPrompt.
    """
    checked = check_content(prompt.type, content)
    # The prompt's row is the lock under which its versions are numbered.
    prompt = Prompt.objects.select_for_update().get(id=prompt.id)
    versions = PromptVersion.objects.filter(prompt=prompt)
    origin = versions.order_by("-number").first() if parent is None else versions.filter(number=parent).first()
    if parent is not None and origin is None:
        raise BadPrompt(f"There is no version {parent} to write from.")
    if len(note) > 500:
        raise BadPrompt("A note has at most 500 characters.")
    settings = check_config(config) if config is not None else (origin.config if origin else {})
    return _write_version(
        prompt, checked, settings, at=at, actor=actor, note=note, parent=origin.number if origin else None
    )


def _write_version(
    prompt: Prompt, content: Any, config: Mapping[str, Any], *, at: datetime, actor: str, note: str, parent: int | None
) -> tuple[PromptVersion, bool]:
    digest = content_hash(prompt.type, content, config)
    same = PromptVersion.objects.select_related("prompt").filter(prompt=prompt, content_hash=digest).first()
    if same is not None:
        return same, False
    newest = PromptVersion.objects.filter(prompt=prompt).order_by("-number").values_list("number", flat=True).first()
    version: PromptVersion = PromptVersion.objects.create(
        organization_id=prompt.organization_id, prompt=prompt, number=(newest or 0) + 1, content=content,
        config=dict(config), content_hash=digest, note=note, parent=parent, created_by=actor, created_at=at,
    )  # fmt: skip
    record_audit(
        organization_id=prompt.organization_id, at=at, actor=actor, action="prompt.version_added",
        subject=f"{prompt.name}@{version.number}", content_hash=digest,
    )  # fmt: skip
    # Before anybody can be served it: a reply that gives it away is a leak from its first day on.
    remember_prompt(
        organization_id=prompt.organization_id, name=f"{prompt.name}@{version.number}", content_hash=digest,
        content=content, at=at,
    )  # fmt: skip
    return version, True


def set_labels(
    *, version: PromptVersion, labels: object, at: datetime, actor: str, reason: str = ""
) -> list[LabelAssignment]:
    """Have these labels name this version, whatever they named before; return those that moved.

    Call inside tenant(...). A label is never without a version by this: it moves in one step. Raises BadPrompt.
    """
    wanted = check_labels(labels)
    if not wanted:
        return []
    Prompt.objects.select_for_update().get(id=version.prompt_id)
    standing = {
        each.label: each
        for each in LabelAssignment.objects.select_related("version").filter(
            prompt_id=version.prompt_id, label__in=wanted, ended_at=None
        )
    }
    moved = []
    for label in wanted:
        before = standing.get(label)
        if before is not None and before.version_id == version.id:
            continue
        if before is not None:
            before.ended_at = at
            before.save(update_fields=["ended_at"])
        moved.append(
            LabelAssignment.objects.create(
                organization_id=version.organization_id, prompt_id=version.prompt_id, version=version, label=label,
                at=at, by=actor, reason=reason[:500],
            )
        )  # fmt: skip
        record_audit(
            organization_id=version.organization_id, at=at, actor=actor, action="prompt.labelled",
            subject=f"{version.prompt.name}@{version.number}", label=label,
            before=before.version.number if before else None, reason=reason[:500],
        )  # fmt: skip
    return moved


def remove_label(*, prompt: Prompt, label: str, at: datetime, actor: str) -> bool:
    """End a label; return whether it stood. Call inside tenant(...)."""
    ended = LabelAssignment.objects.filter(prompt=prompt, label=label, ended_at=None).update(ended_at=at)
    if ended:
        record_audit(
            organization_id=prompt.organization_id, at=at, actor=actor, action="prompt.unlabelled",
            subject=prompt.name, label=label,
        )  # fmt: skip
    return bool(ended)
