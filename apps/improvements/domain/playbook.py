"""The playbook, read from its data, and what it makes of a prompt."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from apps.experiments.domain.measures import MEASURES
from apps.library.domain.guardrails import BadGuardrail, GuardrailContent, merge, read_guardrail
from apps.library.domain.prompts import Content, as_text

Path = Literal["experiment", "security"]


@dataclass(frozen=True)
class Bundle:
    """One entry: the metrics it answers, the prompt sections it adds, the guards it enforces, and how it is judged.

    ``once_said`` are sections that the prompt must hold already: what is asked for and not obeyed is then enforced.

    ``path``: an experiment decides; or, for security, the change goes to everybody at once, because nobody is to be
    held out on a prompt known to be vulnerable. ``topic`` names the tag of the prompts it is for; empty: any other.
    """

    key: str
    title: str
    answers: tuple[str, ...]
    path: Path
    metric: str
    guardrails: tuple[str, ...]
    expect: str
    sections: tuple[str, ...] = ()
    enforces: tuple[str, ...] = ()
    once_said: tuple[str, ...] = ()
    topic: str = ""
    minimum_detectable_effect: float | None = None


@dataclass(frozen=True)
class Playbook:
    """Sections and guards by name, bundles in their order."""

    sections: Mapping[str, str]
    guards: Mapping[str, Mapping[str, Any]]
    bundles: tuple[Bundle, ...]

    def answering(self, metrics: Collection[str]) -> list[Bundle]:
        """Return the bundles that answer one of these metrics."""
        return [bundle for bundle in self.bundles if not set(metrics).isdisjoint(bundle.answers)]

    def guardrail(self, bundle: Bundle) -> GuardrailContent | None:
        """Return what a bundle enforces, as one guardrail; None where it enforces nothing."""
        return read_guardrail(merge([self.guards[name] for name in bundle.enforces])) if bundle.enforces else None

    def bundle(self, key: str) -> Bundle | None:
        """Return a bundle by its key."""
        return next((bundle for bundle in self.bundles if bundle.key == key), None)


@cache
def playbook() -> Playbook:
    """Return the playbook. Raises ValueError where its data contradicts itself or the metrics there are."""
    document: dict[str, Any] = yaml.safe_load(
        resources.files("apps.improvements.playbook").joinpath("playbook.yaml").read_text("utf-8")
    )
    return read_playbook(document)


def read_playbook(document: Mapping[str, Any]) -> Playbook:
    """Return a playbook from its plain form. Raises ValueError naming the bundle that is wrong."""
    sections = {name: " ".join(text.split()) for name, text in document["sections"].items()}
    guards, bundles = document.get("guards", {}), []
    for key, entry in document["bundles"].items():
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
        }
        bundle = Bundle(key=key, **values)
        if missing := {*bundle.sections, *bundle.once_said} - set(sections):
            raise ValueError(f"{key}: there is no section {min(missing)!r}")
        if missing := set(bundle.enforces) - set(guards):
            raise ValueError(f"{key}: there is no guard {min(missing)!r}")
        if unknown := {bundle.metric, *bundle.guardrails} - set(MEASURES):
            raise ValueError(f"{key}: {min(unknown)!r} cannot be measured")
        if bundle.path not in ("experiment", "security"):
            raise ValueError(f"{key}: the path is experiment or security")
        if bundle.enforces and bundle.path != "security":
            raise ValueError(f"{key}: a guardrail is in force for everybody; its path is security")
        bundles.append(bundle)
    book = Playbook(sections, guards, tuple(bundles))
    for bundle in bundles:
        try:
            book.guardrail(bundle)
        except BadGuardrail as error:
            raise ValueError(f"{bundle.key}: {error}") from error
    return book


def missing_sections(content: Content, sections: Sequence[str], book: Playbook) -> list[str]:
    """Return those sections whose words the prompt does not hold yet."""
    said = _plain(as_text(content))
    return [name for name in sections if _plain(book.sections[name]) not in said]


def add_sections(content: Content, sections: Sequence[str], book: Playbook) -> Content:
    """Return the prompt with what it lacks of these sections added, each as a paragraph at its end.

    Of a chat prompt the first system message is added to; without one, one is put first.
    """
    added = [book.sections[name] for name in missing_sections(content, sections, book)]
    if not added:
        return content
    return add_text(content, "\n\n".join(added))


def add_text(content: Content, paragraphs: str) -> Content:
    """Return the prompt with paragraphs at its end, and see ``add_sections``."""
    if isinstance(content, str):
        return f"{content.rstrip()}\n\n{paragraphs}"
    place = next((i for i, message in enumerate(content) if message["role"] in ("system", "developer")), None)
    if place is None:
        return [{"role": "system", "content": paragraphs}, *content]
    longer = {**content[place], "content": f"{content[place]['content'].rstrip()}\n\n{paragraphs}"}
    return [*content[:place], longer, *content[place + 1 :]]


def _plain(text: str) -> str:
    return " ".join(text.split())
