"""Reply times, tokens and cost of one conversation: reported where the log says so, else measured or estimated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.evaluations.domain.business.money import read_amount_exactly
from apps.evaluations.domain.values import ApplicationProfile, Conversation, Message, PerformanceResult

VERSION = "1"
# A reply that took longer belongs to another day's work; it says nothing about speed.
_LONGEST_REPLY_S = 86_400.0
_MOST_TOKENS = 100_000_000
# Characters per token of English text with common vocabularies; an estimate and flagged as one.
_CHARACTERS_PER_TOKEN = 4
_INPUT_KEYS, _OUTPUT_KEYS = ("prompt", "prompt_tokens", "input", "input_tokens"), (
    "completion", "completion_tokens", "output", "output_tokens",
)  # fmt: skip
_TOTAL_KEYS = ("total", "total_tokens")
_THOUSAND = Decimal(1000)


class PerformanceAnalyzer:
    """Knows what an application pays for tokens."""

    def __init__(self, profile: ApplicationProfile) -> None:
        self._input_cost = profile.cost_per_thousand_input_tokens
        self._output_cost = profile.cost_per_thousand_output_tokens

    def analyze(self, conversation: Conversation) -> PerformanceResult:
        """Return the performance of a conversation.

        An estimated input counts each message once: what a model reads again with every turn is not known from a log,
        so an estimate is a lower bound.
        """
        times = _reply_times(conversation.messages)
        ordered = sorted(times)
        read, written, estimated = _count_tokens(conversation.messages)
        total = None if read is None or written is None else read + written
        return PerformanceResult(
            reply_time_p50_s=_quantile(ordered, 0.5),
            reply_time_p95_s=_quantile(ordered, 0.95),
            reply_times_s=tuple(times),
            tokens=total,
            cost=self._cost(conversation.messages, read, written),
            estimated=estimated,
        )

    def _cost(self, messages: tuple[Message, ...], read: int | None, written: int | None) -> Decimal | None:
        reported = [
            amount
            for message in messages
            if "cost" in message.metadata and (amount := _read_cost(message.metadata["cost"])) is not None
        ]
        if reported:
            return sum(reported, Decimal(0))
        if self._input_cost is None or self._output_cost is None or read is None or written is None:
            return None
        return (read * self._input_cost + written * self._output_cost) / _THOUSAND


def _reply_times(messages: tuple[Message, ...]) -> list[float]:
    """Return seconds per reply: as reported, else from the last user message to the first reply to it."""
    times: list[float] = []
    asked_at = None
    for message in messages:
        if message.role == "user":
            asked_at = message.sent_at
        elif message.role == "assistant":
            reported = _read_number(message.metadata.get("response_time_ms")) if message.metadata else None
            if reported is not None:
                seconds: float | None = reported / 1000
            else:
                seconds = (message.sent_at - asked_at).total_seconds() if asked_at is not None else None
            asked_at = None
            if seconds is not None and 0 <= seconds <= _LONGEST_REPLY_S:
                times.append(seconds)
    return times


def _quantile(ordered: list[float], q: float) -> float | None:
    """Return the quantile with linear interpolation between order statistics (type 7 of Hyndman and Fan)."""
    if not ordered:
        return None
    place = q * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _count_tokens(messages: tuple[Message, ...]) -> tuple[int | None, int | None, bool]:
    """Return tokens read and written, and whether they were estimated from text; None where nothing was said."""
    read = written = 0
    reported = False
    for message in messages:
        if message.metadata and "tokens" in message.metadata:
            counted = _read_tokens(message.metadata["tokens"], message.role)
            if counted is not None:
                reported = True
                read, written = read + counted[0], written + counted[1]
    if reported:
        return read, written, False
    if not messages:
        return None, None, False
    for message in messages:
        length = -(-len(message.content) // _CHARACTERS_PER_TOKEN)
        if message.role == "assistant":
            written += length
        else:
            read += length
    return read, written, True


def _read_tokens(value: Any, role: str) -> tuple[int, int] | None:
    """Return (input, output) tokens of a number, or of a mapping in any of the common spellings."""
    if isinstance(value, Mapping):
        read, written = _first(value, _INPUT_KEYS), _first(value, _OUTPUT_KEYS)
        if read is None and written is None:
            total = _first(value, _TOTAL_KEYS)
            return None if total is None else _placed(total, role)
        return read or 0, written or 0
    number = _whole(value)
    return None if number is None else _placed(number, role)


def _placed(total: int, role: str) -> tuple[int, int]:
    return (0, total) if role == "assistant" else (total, 0)


def _first(value: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    return next((number for key in keys if (number := _whole(value.get(key))) is not None), None)


def _whole(value: Any) -> int | None:
    number = _read_number(value)
    return None if number is None or number > _MOST_TOKENS else round(number)


def _read_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) > 20:
            return None
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, int | float) and 0 <= value < 1e12:
        return float(value)
    return None


def _read_cost(value: Any) -> Decimal | None:
    if isinstance(value, Mapping):
        value = value.get("total")
    amount = read_amount_exactly(value)
    return amount if amount is not None and amount >= 0 else None
