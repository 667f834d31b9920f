"""Prompts taken out into files and brought back: `flywheel prompts pull` and `push`. Call inside tenant(...)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from apps.library.domain.files import PromptFile
from apps.library.domain.prompts import LATEST, content_hash
from apps.library.models import Prompt
from apps.library.selectors import find_prompt, find_version, labelled_version, labels_of
from apps.library.services.prompts import add_version, create_prompt

Done = Literal["created", "added", "unchanged", "behind"]


@dataclass(frozen=True)
class Pushed:
    """What became of a file: the version that says it now; for one that is behind, the newest version there is."""

    done: Done
    version: int


def take_out(*, label: str = LATEST) -> list[PromptFile]:
    """Return every prompt as its file, in the version the label names; prompts without that label are left out."""
    found = []
    for prompt in Prompt.objects.order_by("name"):
        version = labelled_version(prompt, label)
        if version is not None:
            found.append(
                PromptFile(
                    name=prompt.name, type=prompt.type, content=version.content, version=version.number,
                    labels=tuple(labels_of(version)), description=prompt.description, tags=tuple(prompt.tags),
                    config=version.config,
                )
            )  # fmt: skip
    return found


def bring_back(
    *, organization_id: int, file: PromptFile, at: datetime, actor: str, note: str = "", force: bool = False
) -> Pushed:
    """Add a version where the file says something else than the one it was written from; labels stay where they are.

    A file written from a version that is no longer the newest is ``behind`` and changes nothing, unless forced. Raises
    BadPrompt, and PromptExists for a file without a version whose name is taken.
    """
    prompt = find_prompt(file.name)
    if prompt is None:
        version, _ = create_prompt(
            organization_id=organization_id, name=file.name, kind=file.type, content=file.content, config=file.config,
            description=file.description, tags=file.tags, at=at, actor=actor,
        )  # fmt: skip
        return Pushed("created", version.number)
    newest = labelled_version(prompt, LATEST)
    assert newest is not None, "a prompt has a version"
    digest = content_hash(file.type, file.content, file.config)
    written_from = find_version(prompt, file.version) if file.version else None
    for standing in (written_from, newest):
        if standing is not None and standing.content_hash == digest:
            return Pushed("unchanged", standing.number)
    if file.version != newest.number and not force:
        return Pushed("behind", newest.number)
    version, made = add_version(
        prompt=prompt, content=file.content, config=file.config, note=note, parent=file.version, at=at, actor=actor
    )
    return Pushed("added" if made else "unchanged", version.number)
