"""How a report's figures are written, on the page, on paper and in the mail alike."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.evaluations.domain.registry import REGISTRY
from apps.reports.domain.roi.figures import MINUS

_STATES = {
    "promoted": "promoted", "no_winner": "undecided: no winner", "loser": "lost", "rolled_back": "rolled back",
    "stopped": "stopped by a person", "deployed": "for everybody at once", "retired": "taken back later",
}  # fmt: skip


def state_words(line: Mapping[str, Any]) -> str:
    """Write a line's evidence: its grade, what it rests on, how its source ended."""
    grade, evidence = line.get("grade"), line.get("evidence")
    state = _STATES.get(line.get("state") or "", "")
    parts = [f"{grade} {evidence}" if grade else "", state]
    haircut = Decimal(str(line.get("haircut") or 0))
    if haircut:
        parts.append(f"{MINUS}{haircut:.0%}".replace("%", " %"))
    if line.get("undecided") and "undecided" not in state:
        parts.append("undecided")
    return ", ".join(part for part in parts if part) or "stated"


def effect_words(line: Mapping[str, Any]) -> str:
    """Write an effect with its interval in the metric's unit; rates in points."""
    if line.get("effect") is None or not line.get("metric"):
        return ""
    metric = line["metric"]
    unit = REGISTRY[metric].unit if metric in REGISTRY else ""
    scale, word = (100, " pts") if unit == "fraction" else (1, " s" if unit == "seconds" else "")
    digits = 1 if scale == 100 or abs(line["effect"]) >= 10 else 4 if unit == "money" else 2
    value, low, high = (_signed(float(line[name]) * scale, digits) for name in ("effect", "low", "high"))
    return f"{value}{word} [{low}, {high}]"


def volume_words(line: Mapping[str, Any]) -> str:
    """Write how much a line's effect was applied to so far."""
    if not line.get("metric"):
        return ""
    return f"{float(line.get('volume') or 0):,.0f}"


def payback_words(month: int | None) -> str:
    """Write when it is paid back."""
    if month is None:
        return "not within it"
    return "at once" if month == 0 else f"month {month}"


def input_words(assumption: Mapping[str, Any]) -> str:
    """Write an assumption's low, mode and high; one number where they are one."""
    numbers = [f"{Decimal(str(assumption[name])):,f}" for name in ("low", "mode", "high")]
    return numbers[0] if len(set(numbers)) == 1 else ", ".join(numbers)


def _signed(value: float, digits: int) -> str:
    text = f"{abs(value):,.{digits}f}"
    if not text.strip("0.,"):
        return text
    return (MINUS if value < 0 else "+") + text
