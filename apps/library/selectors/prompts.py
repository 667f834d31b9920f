"""Reads of prompts. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Prefetch, Q, QuerySet

from apps.library.domain.prompts import LATEST
from apps.library.models import LabelAssignment, Prompt, PromptVersion


@dataclass(frozen=True)
class ServedVersion:
    """A version as it is served."""

    number: int
    content: Any
    config: dict[str, Any]
    content_hash: str


@dataclass(frozen=True)
class ServedPrompt:
    """Everything needed to serve a prompt: its versions by number, and the number each label names."""

    id: int
    name: str
    type: str
    versions: dict[int, ServedVersion]
    labels: dict[str, int]

    @property
    def latest(self) -> int:
        """The newest version's number."""
        return max(self.versions)


def serving_prompts() -> dict[str, ServedPrompt]:
    """Return every prompt of the organization by name, in three queries."""
    versions: dict[int, dict[int, ServedVersion]] = {}
    for prompt_id, number, content, config, digest in PromptVersion.objects.values_list(
        "prompt_id", "number", "content", "config", "content_hash"
    ):
        versions.setdefault(prompt_id, {})[number] = ServedVersion(number, content, config, digest)
    labels: dict[int, dict[str, int]] = {}
    standing = LabelAssignment.objects.filter(ended_at=None).values_list("prompt_id", "label", "version__number")
    for prompt_id, label, number in standing:
        labels.setdefault(prompt_id, {})[label] = number
    return {
        name: ServedPrompt(prompt_id, name, kind, versions[prompt_id], labels.get(prompt_id, {}))
        for prompt_id, name, kind in Prompt.objects.values_list("id", "name", "type")
        if prompt_id in versions
    }


def serving_state() -> tuple[int, ...]:
    """Return what changes whenever ``serving_prompts`` would answer otherwise.

    Versions and label moves only add rows, and a label's end changes how many stand. Counts and not the newest ids:
    of two transactions the one with the smaller id may commit last.
    """
    labels = LabelAssignment.objects.aggregate(all=Count("id"), standing=Count("id", filter=Q(ended_at=None)))
    return (PromptVersion.objects.count(), labels["all"], labels["standing"])


def find_prompt(name: str) -> Prompt | None:
    """Return the prompt of this name."""
    return Prompt.objects.filter(name=name).first()


def find_version(prompt: Prompt, number: int) -> PromptVersion | None:
    """Return a version by its number."""
    return PromptVersion.objects.select_related("prompt").filter(prompt=prompt, number=number).first()


def labelled_version(prompt: Prompt, label: str) -> PromptVersion | None:
    """Return the version a label names now; ``latest`` names the newest."""
    versions = PromptVersion.objects.select_related("prompt").filter(prompt=prompt)
    if label == LATEST:
        return versions.order_by("-number").first()
    return versions.filter(labels__label=label, labels__ended_at=None).first()


def list_prompts(*, after: int | None, limit: int) -> list[Prompt]:
    """Return a page of prompts, newest first, each with its standing labels and its newest version's number."""
    rows = Prompt.objects.annotate(latest=Max("versions__number")).prefetch_related(standing_labels())
    if after is not None:
        rows = rows.filter(id__lt=after)
    return list(rows.order_by("-id")[:limit])


def standing_labels() -> Prefetch[Any]:
    """Return the prefetch of the labels that stand, each with its version, as ``standing``."""
    rows = LabelAssignment.objects.filter(ended_at=None).select_related("version").order_by("label")
    return Prefetch("labels", queryset=rows, to_attr="standing")


def list_versions(prompt: Prompt, *, before: int | None = None, limit: int = 50) -> list[PromptVersion]:
    """Return a page of versions, newest first, each with the labels that name it as ``standing``."""
    rows: QuerySet[PromptVersion] = PromptVersion.objects.filter(prompt=prompt).prefetch_related(standing_labels())
    if before is not None:
        rows = rows.filter(number__lt=before)
    return list(rows.order_by("-number")[:limit])


def label_history(prompt: Prompt, *, limit: int = 100) -> list[LabelAssignment]:
    """Return where labels stood, newest first."""
    return list(LabelAssignment.objects.filter(prompt=prompt).select_related("version").order_by("-id")[:limit])


def labels_of(version: PromptVersion) -> list[str]:
    """Return the labels that name a version now."""
    standing: Iterable[str] = LabelAssignment.objects.filter(version=version, ended_at=None).values_list(
        "label", flat=True
    )
    return sorted(standing)
