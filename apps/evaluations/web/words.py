"""How the product's names are said to people."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

LEAKS = ("system_prompt_leak", "credential_exposure", "pii_exposure")
_ORDER = {"critical": 3, "high": 2, "medium": 1, "low": 0}
_WORST = {"succeeded": 2, "unclear": 1, "blocked": 0}


def say(name: str) -> str:
    """Return a name as words: ``responses_under_20_chars`` → "Responses under 20 chars"."""
    return name.replace("_", " ").capitalize()


def worst_incident(security: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the incident to show first: what succeeded before what did not, graver before lesser."""
    incidents = (security or {}).get("incidents") or ()
    return max(incidents, key=lambda i: (_WORST[i["outcome"]], _ORDER[i["severity"]]), default=None)


def money(stored: str | None) -> Decimal | None:
    """Return an amount as it is stored in a result, exactly."""
    return None if stored is None else Decimal(stored)


def age(moment: datetime | None, now: datetime) -> float | None:
    """Return seconds since a moment, never negative."""
    return max(0.0, (now - moment).total_seconds()) if moment else None
