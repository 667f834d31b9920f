"""The profile of an application: what its owner tells us, checked key by key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec


class PlanEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A plan customers can buy, and its price a month."""

    name: str
    monthly_price: Decimal


class IntentEntry(msgspec.Struct, forbid_unknown_fields=True):
    """An intent, the words that announce it, and what must be known to serve it (slot: words that fill it)."""

    intent: str
    keywords: list[str]
    slots: dict[str, list[str]] = {}


class Profile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Every key is optional."""

    system_prompt: str = ""
    canaries: list[str] = []
    plans: list[PlanEntry] = []
    intents: list[IntentEntry] = []
    languages: list[str] = msgspec.field(default_factory=lambda: ["en"])
    cost_per_thousand_input_tokens: Decimal | None = None
    cost_per_thousand_output_tokens: Decimal | None = None
    default_monthly_value: Decimal | None = None


class ProfileError(ValueError):
    """The profile holds an unknown key or a value of the wrong kind; the message says which."""


def check_profile(value: Any) -> dict[str, Any]:
    """Return the profile in its stored form. Raises ProfileError."""
    try:
        profile = msgspec.convert(value, Profile, strict=False)
    except msgspec.ValidationError as error:
        raise ProfileError(str(error)) from error
    stored: dict[str, Any] = msgspec.to_builtins(profile)
    return stored
