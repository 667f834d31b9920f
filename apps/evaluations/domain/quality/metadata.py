"""What logged metadata says: values of mixed type (true, "yes", 1, "immediate") read the same way everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from apps.evaluations.domain.values import Conversation

_FALSE = frozenset(
    {"", "false", "no", "none", "null", "nil", "n", "f", "0", "0.0", "off", "never", "n/a", "na", "nan", "-",
     "not escalated", "not_escalated", "not needed", "not_needed", "undefined", "unresolved", "not_resolved"}
)  # fmt: skip
_TRUE = frozenset({"true", "yes", "y", "t", "1", "1.0", "on", "done", "resolved", "solved", "fixed"})


def claims(value: Any) -> bool:
    """Return whether a value affirms its key: anything but false, zero, empty and the words for no or none."""
    if isinstance(value, str):
        return value.strip().lower() not in _FALSE
    if isinstance(value, float) and math.isnan(value):
        return False
    return bool(value)


def read_boolean(value: Any) -> bool | None:
    """Return True or False where a value says so in any usual spelling, else None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in {0, 1} else None
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE and word else None
    return None


def read_number(value: Any) -> float | None:
    """Return a finite number (or a string that spells one), else None; booleans are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def each_metadata(conversation: Conversation) -> Iterator[dict[str, Any]]:
    """Yield the conversation's metadata, then each message's that has any, in time order."""
    if conversation.metadata:
        yield conversation.metadata
    for message in conversation.messages:
        if message.metadata:
            yield message.metadata


def last_value(every: Sequence[dict[str, Any]], *keys: str) -> Any:
    """Return the latest value of any of the keys, None when none occurs."""
    for metadata in reversed(every):
        for key in keys:
            if key in metadata:
                return metadata[key]
    return None
