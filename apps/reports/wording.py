"""How a report's figures are written, on the page, on paper and in the mail alike."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.evaluations.domain.registry import REGISTRY
from apps.platform.templatetags.figures import money, signed
from apps.reports.domain.roi.figures import MINUS
from apps.reports.domain.worth import unit_of

_STATES = {
    "promoted": "promoted", "no_winner": "undecided: no winner", "loser": "lost", "rolled_back": "rolled back",
    "stopped": "stopped by a person", "deployed": "for everybody at once", "retired": "taken back later",
}  # fmt: skip
# Counts that experiments measure as rates: conversations with one over all of them.
_RATES_OF_COUNTS = frozenset({"enterprise_leads"})


def state_words(line: Mapping[str, Any]) -> str:
    """Write a line's evidence: what it rests on, how its source ended, what was taken off. Its grade stands beside."""
    state = _STATES.get(line.get("state") or "", "")
    parts = [line.get("evidence") or "", state]
    haircut = Decimal(str(line.get("haircut") or 0))
    if haircut:
        parts.append(f"{MINUS}{haircut:.0%}".replace("%", " %"))
    if line.get("undecided") and "undecided" not in state:
        parts.append("undecided")
    return ", ".join(part for part in parts if part) or "as assumed"


def effect_words(line: Mapping[str, Any], currency: str) -> str:
    """Write an effect with its interval in the metric's unit; rates in points, times in whole units of theirs."""
    if line.get("effect") is None or not line.get("metric"):
        return ""
    values = [float(line[name]) for name in ("effect", "low", "high")]
    unit = _unit(line["metric"])
    if unit == "money":
        value, low, high = (_signed_money(each, currency) for each in values)
        return f"{value} [{low}, {high}]"
    scale, word = (100.0, " points") if unit == "fraction" else _of_time(values) if unit == "seconds" else (1.0, "")
    values = [each * scale for each in values]
    digits = 1 if scale != 1 or abs(values[0]) >= 10 else 2
    value, low, high = (signed(each, digits) for each in values)
    return f"{value}{word} [{low}, {high}]"


def result_words(line: Mapping[str, Any], currency: str) -> str:
    """Write what a change did to a metric: "escalation rate −10.5 points [−12.7, −8.2]"."""
    return f"{line['metric'].replace('_', ' ')} {effect_words(line, currency)}".strip()


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


def whole(value: float) -> float:
    """Return an amount without cents from a hundred up."""
    return round(value) if abs(value) >= 100 else round(value, 2)


def range_words(low: float, high: float, currency: str) -> str:
    """Write from where to where an amount may be; one amount where that is one."""
    ends = [money(whole(each), currency) for each in sorted((low, high))]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def input_words(assumption: Mapping[str, Any], currency: str) -> str:
    """Write an assumption's low, mode and high in its unit; one number where they are one."""
    unit = unit_of(assumption["key"], assumption["unit"])
    numbers = [_input(assumption[name], unit, currency) for name in ("low", "mode", "high")]
    return numbers[0] if len(set(numbers)) == 1 else ", ".join(numbers)


def unit_words(assumption: Mapping[str, Any], currency: str) -> str:
    """Write an assumption's unit, money being the organization's."""
    return str(assumption["unit"]).replace("money", currency or "money")


def approved_words(assumption: Mapping[str, Any]) -> str:
    """Write who approved an assumption; "" where nobody did. What the data says needs nobody."""
    from_data = assumption["source"] == "measured" and assumption.get("version") is None
    return assumption["approved_by"] or ("the data says it" if from_data else "")


def swing_words(swing: Mapping[str, Any], currency: str) -> str:
    """Write from where to where an input of the tornado went, in its unit; effects as gains."""
    ends = [float(f"{swing[name]:.3g}") for name in ("low_input", "high_input")]
    unit = _unit(swing["metric"]) if swing.get("metric") else swing.get("unit", "")
    if unit == "fraction":
        return " to ".join(signed(each * 100) for each in ends) + " points"
    return " to ".join(_input(each, unit, currency) for each in ends)


def _unit(metric: str) -> str:
    if metric in _RATES_OF_COUNTS:
        return "fraction"
    return REGISTRY[metric].unit if metric in REGISTRY else ""


def _of_time(values: list[float]) -> tuple[float, str]:
    longest = max(map(abs, values))
    return (1.0, " s") if longest < 300 else (1 / 60, " min") if longest < 7200 else (1 / 3600, " h")


def _input(value: Any, unit: str, currency: str) -> str:
    exact = Decimal(str(value)).normalize()
    if unit.startswith("share"):
        return f"{(exact * 100).normalize():,f} %"
    if unit.startswith("money"):
        return money(exact, currency) if currency else f"{exact:,f}"
    return f"{exact:,f}"


def _signed_money(value: float, currency: str) -> str:
    text = money(value, currency)
    return f"+{text}" if value > 0 and any(digit in text for digit in "123456789") else text
