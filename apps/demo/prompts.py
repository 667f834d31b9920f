"""The prompts the simulated bot starts with, and what a prompt looks like when it is served."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec
import yaml

PromptName = Literal["support", "offer"]


class ServedPrompt(msgspec.Struct, frozen=True):
    """A prompt as the bot was given it for one user; the bot understands its text alone, the rest is echoed in logs."""

    text: str
    version: int | None = None
    variant: str | None = None
    assignment_id: str | None = None


PromptLookup = Callable[[str, PromptName], ServedPrompt]


def starting_prompts() -> dict[PromptName, str]:
    """Return the prompts that the bot has before anything is improved."""
    document = _document()
    return {"support": str(document["support"]), "offer": str(document["offer"])}


def prompt_additions() -> dict[str, str]:
    """Return a sentence for each feature, as a colleague of the simulated shop would type it."""
    return dict(_document()["additions"])


def improved_prompts() -> dict[PromptName, str]:
    """Return the starting prompts with the additions that a colleague thought of as improvements."""
    document = _document()
    starting, additions = starting_prompts(), prompt_additions()
    return {
        name: " ".join([starting[name], *(additions[feature] for feature in document["improved"][name])])
        for name in starting
    }


def serve_improved_prompts(unit: str, name: PromptName) -> ServedPrompt:
    """Serve the improved prompts to everybody: how much they improve depends on the world."""
    return ServedPrompt(improved_prompts()[name], version=2)


def serve_starting_prompts(unit: str, name: PromptName) -> ServedPrompt:
    """Serve the starting prompts to everybody: the lookup of a bot that nothing has improved yet."""
    return ServedPrompt(starting_prompts()[name], version=1)


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(resources.files(__package__).joinpath("prompts.yaml").read_text("utf-8"))
    return document
