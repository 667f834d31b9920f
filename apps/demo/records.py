"""Log records of a simulated conversation, as the shop's chat service would write them: a message per line."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from apps.demo.dialogue import Turn
from apps.demo.population import Person
from apps.demo.prompts import PromptName, ServedPrompt

_COST_A_TOKEN = 7.5e-6


def write_records(
    turns: Sequence[Turn],
    *,
    session_id: str,
    person: Person,
    agent_id: str,
    channel: str,
    issue_type: str | None,
    served: Mapping[PromptName, ServedPrompt | None],
    began: datetime,
    numbers: random.Random,
) -> list[dict[str, Any]]:
    """Return one record a turn. Nothing in them says what is an attack or what became of it.

    The first message of each side tells what holds for the whole conversation; a prompt is echoed where it is first
    used.
    """
    draw = numbers.random
    prompt_tokens = len(served["support"].text) // 4 if served["support"] else 0
    records: list[dict[str, Any]] = []
    told: set[str] = set()
    at = began
    for index, turn in enumerate(turns):
        record: dict[str, Any] = {"session_id": session_id, "role": turn.role, "message": turn.text}
        metadata: dict[str, Any] = {}
        if turn.role == "assistant":
            # Log-normal: median 1.1 s, 95 % below 3.9 s.
            milliseconds = int(1100 * math.exp(0.77 * numbers.gauss(0.0, 1.0)))
            at += timedelta(milliseconds=milliseconds)
            tokens = prompt_tokens + len(turn.text) // 4
            cost = round(tokens * _COST_A_TOKEN, 6)
            metadata = {"response_time_ms": milliseconds, "tokens": tokens, "cost": cost}
            if not told:
                metadata["agent_id"] = agent_id
            prompt = served[turn.prompt]
            if prompt is not None and turn.prompt not in told:
                told.add(turn.prompt)
                metadata |= _echo(turn.prompt, prompt)
            metadata |= turn.metadata
        elif index == 0:
            metadata = {"channel": channel}
            if issue_type is not None:
                metadata["issue_type"] = issue_type
            if draw() < 0.2:
                metadata["current_plan"] = person.plan
        else:
            at += timedelta(milliseconds=int(8_000 + 110_000 * draw() ** 2))
        record["timestamp"] = at.isoformat(timespec="milliseconds")
        if turn.role == "user":
            record["user_id"] = person.user_id
        if metadata:
            record["metadata"] = metadata
        records.append(record)
    return records


def _echo(name: str, served: ServedPrompt) -> dict[str, Any]:
    echo: dict[str, Any] = {"prompt_name": name}
    if served.version is not None:
        echo["prompt_version"] = served.version
    if served.variant is not None:
        echo["variant"] = served.variant
    if served.assignment_id is not None:
        echo["assignment_id"] = served.assignment_id
    return echo
