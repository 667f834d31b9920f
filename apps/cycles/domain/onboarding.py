"""The first four weeks: what there is to do, each item ticked by what is in the database, never by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["done", "now", ""]


@dataclass(frozen=True)
class Item:
    """One thing to do. ``key`` names the fact that ticks it, ``page`` the portal's page where it is done."""

    key: str
    text: str
    small: str = ""
    page: str = ""


@dataclass(frozen=True)
class Week:
    """A week of the checklist."""

    title: str
    items: tuple[Item, ...]


WEEKS: tuple[Week, ...] = (
    Week(
        "Foundation",
        (
            Item("key", "A key that may push", "made once, shown once", "keys"),
            Item("captured", "The first batch", "copy, paste, enter", "batches"),
            Item("analyzed", "Its first analysis", "appears by itself, within seconds", "security"),
            Item("profile", "What the application is", "system prompt, canaries, plans", "applications"),
        ),
    ),
    Week(
        "Quick wins",
        (
            Item("teammate", "A second person", "invited with a role", "team"),
            Item("configuration", "A configuration", "when the wheel turns, and what it looks for", "cycles"),
            Item("turned", "The first turn of the wheel", "what each stage did", "cycles"),
            Item("prompt", "A prompt in the library", "versions never change, labels say what is served", "prompts"),
        ),
    ),
    Week(
        "Measure",
        (
            Item("served", "An application fetches it", "one GET assigns and serves", "prompts"),
            Item("approved", "An improvement is approved", "with its reason and its difference", "improvements"),
            Item("running", "An experiment runs", "users drawn by lot", "experiments"),
            Item("decided", "A verdict", "promoted, rolled back, or no winner: all three count", "experiments"),
        ),
    ),
    Week(
        "Scale",
        (
            Item("second_application", "A second application", "prompts and patterns are shared", "applications"),
            Item("promoted", "A winner in production", "and its effect recorded", "experiments"),
            Item("four_turns", "Four turns", "enough to see what compounds", "cycles"),
        ),
    ),
)
KEYS = tuple(item.key for week in WEEKS for item in week.items)


def tick(facts: Mapping[str, bool]) -> list[tuple[Week, list[tuple[Item, State]]]]:
    """Return every week with its items' states: done by the facts, the first undone one is ``now``.

    Raises KeyError for an item whose fact is missing.
    """
    following = next((key for key in KEYS if not facts[key]), None)
    return [
        (week, [(item, "done" if facts[item.key] else "now" if item.key == following else "") for item in week.items])
        for week in WEEKS
    ]
