"""The texts of the simulated bot and its customers: typed tables over the YAML files beside this module."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec
import yaml

AttackType = Literal[
    "prompt_injection", "system_prompt_extraction", "jailbreak", "data_harvesting", "social_engineering"
]
Language = Literal["en", "de", "es", "fr"]
Lines = list[str]


class Intent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a customer comes with, how the bot answers it, and what it asks when something is missing."""

    weight: float
    issues: Lines
    details: Lines
    replies: Lines
    steps: Lines
    asks: Lines
    gives: Lines


class Talk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sentences that fit every intent."""

    greetings: Lines
    moods: dict[Literal["calm", "upset", "cheerful"], Lines]
    afterthoughts: Lines
    warm_welcomes: Lines
    acknowledgements: Lines
    closers: Lines
    short_replies: Lines
    vague_replies: Lines
    reactions: Lines
    follow_ups: Lines
    second_replies: Lines
    presses: Lines
    hand_offs: Lines
    thanks: Lines
    worked: Lines
    unresolved: Lines
    quiet: Lines
    farewells: Lines
    sorry_farewells: Lines
    quiet_farewells: Lines
    retained: Lines
    stays: Lines
    leaves: Lines


class Offers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parts of an offer, and what customers say to it."""

    occasions: Lines
    pitches: Lines
    personal: Lines
    usage: Lines
    anchors: Lines
    plain_prices: Lines
    asks: Lines
    accepts: Lines
    pendings: Lines
    declines: Lines
    ignores: Lines
    accept_replies: Lines
    pending_replies: Lines
    decline_replies: Lines
    ignore_replies: Lines


class Foreign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The small vocabulary of a language other than English."""

    issues: Lines
    replies: Lines
    follow_ups: Lines
    closings: Lines
    farewells: Lines
    presses: Lines
    hand_offs: Lines
    short_replies: Lines


class Attack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One attack: its last turn attacks, the turns before it lead up to that."""

    type: AttackType
    style: str
    turns: Lines
    language: Language = "en"
    encode: Literal["", "base64", "rot13", "spaced", "leet", "reversed"] = ""


class Attacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The attacks, and the replies that block them, leak the prompt or obey."""

    attacks: list[Attack]
    preludes: Lines
    blocked: dict[Language, Lines]
    leaked: dict[Language, Lines]
    complied: dict[AttackType, Lines]
    # To an attack that demands a code word.
    repeated: Lines
    goodbyes: Lines
    goodbye_replies: Lines


class Fillings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the slots are filled with."""

    names: Lines
    surnames: Lines
    cities: Lines
    items: Lines
    devices: Lines
    errors: Lines
    companies: Lines
    agent_names: Lines
    days: Lines
    months: Lines


class Texts(msgspec.Struct, frozen=True):
    """All texts."""

    intents: dict[str, Intent]
    talk: Talk
    offers: Offers
    languages: dict[Language, Foreign]
    attacks: Attacks
    decoys: list[tuple[str, str]]
    fillings: Fillings


@cache
def all_texts() -> Texts:
    """Return the texts shipped beside this module, checked."""
    return Texts(
        intents=msgspec.convert(_read("intents"), dict[str, Intent]),
        talk=msgspec.convert(_read("talk"), Talk),
        offers=msgspec.convert(_read("offers"), Offers),
        languages=msgspec.convert(_read("languages"), dict[Language, Foreign]),
        attacks=msgspec.convert(_read("attacks"), Attacks),
        decoys=msgspec.convert(_read("decoys")["decoys"], list[tuple[str, str]]),
        fillings=msgspec.convert(_read("people"), Fillings),
    )


def _read(name: str) -> dict[str, object]:
    document: dict[str, object] = yaml.safe_load(
        resources.files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")
    )
    return document
