"""The satisfaction a customer stated (CSAT, 1–5): from a survey outcome, else from metadata; never predicted here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from apps.evaluations.domain.quality.metadata import read_number
from apps.evaluations.domain.values import ReportedOutcome

_WORDS = {
    "very dissatisfied": 1.0, "very unsatisfied": 1.0, "very unhappy": 1.0, "terrible": 1.0, "very bad": 1.0,
    "dissatisfied": 2.0, "unsatisfied": 2.0, "unhappy": 2.0, "bad": 2.0, "poor": 2.0,
    "neutral": 3.0, "okay": 3.0, "ok": 3.0, "neither": 3.0,
    "satisfied": 4.0, "happy": 4.0, "good": 4.0,
    "very satisfied": 5.0, "very happy": 5.0, "excellent": 5.0, "very good": 5.0,
}  # fmt: skip
_OF_FIVE = re.compile(r"([1-5](?:\.\d{1,3})?) ?(?:/|of|out of) ?5(?:\.0)?")


def read_csat(value: Any) -> float | None:
    """Return 1.0–5.0 from a number, a string such as "4" or "4/5", or a word of the usual scale; else None."""
    if isinstance(value, str):
        text = " ".join(value[:40].lower().replace("_", " ").replace("-", " ").split())
        if text in _WORDS:
            return _WORDS[text]
        if match := _OF_FIVE.fullmatch(text):
            value = match.group(1)
    number = read_number(value)
    return number if number is not None and 1 <= number <= 5 else None


def find_csat(outcomes: Sequence[ReportedOutcome], every_metadata: Sequence[dict[str, Any]]) -> float | None:
    """Return the stated satisfaction: the latest survey outcome, else the latest metadata value that can be read."""
    surveys = sorted((o for o in outcomes if o.metric == "csat"), key=lambda outcome: outcome.occurred_at)
    for outcome in reversed(surveys):
        if (score := read_csat(outcome.value)) is not None:
            return score
    for metadata in reversed(every_metadata):
        for key in ("csat", "satisfaction"):
            if (score := read_csat(metadata.get(key))) is not None:
                return score
    return None
