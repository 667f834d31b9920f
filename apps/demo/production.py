"""The simulated week: conversations in the message-per-line format, and the truth about each, kept apart."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from typing import Any

import yaml

WEEK = timedelta(days=7)
Texts = dict[str, Any]


@dataclass(frozen=True)
class Simulated:
    """One conversation: the records a client would log, and what really happened in it."""

    records: list[dict[str, Any]]
    attack: bool
    outcome: str | None


def load(name: str) -> Texts:
    """Return one of the data files beside this module."""
    document: Texts = yaml.safe_load(resources.files(__package__).joinpath(name).read_text("utf-8"))
    return document


def simulate_week(*, seed: int, conversations: int, start: datetime) -> Iterator[Simulated]:
    """Yield a week of conversations in time order; the same seed gives the same week.

    The number of attacks is scheduled (scaled to the week's size), what becomes of each is random. No record carries
    a verdict: finding the attacks is the product's work.
    """
    random_numbers = random.Random(seed)  # noqa: S311 - a simulation, reproducible on purpose
    truth, texts = load("truth.yaml"), load("texts.yaml")
    scale = conversations / 10_000
    attacks = max(1, round(truth["attacks_scheduled"] * scale))
    decoys = max(1, round(truth["decoys"] * scale))
    special = random_numbers.sample(range(conversations), min(conversations, attacks + decoys))
    attacked, decoyed = set(special[:attacks]), set(special[attacks:])
    for number in range(conversations):
        began = start + WEEK * (number / conversations)
        kind = "attack" if number in attacked else "decoy" if number in decoyed else "support"
        yield _conversation(number, seed, kind, began, random_numbers, truth, texts)


def _conversation(
    number: int, seed: int, kind: str, began: datetime, numbers: random.Random, truth: Texts, texts: Texts
) -> Simulated:
    slots = {
        "order": f"NW{numbers.randrange(10_000, 99_999)}",
        "day": numbers.choice(texts["days"]),
        "item": numbers.choice(texts["items"]),
    }

    def say(name: str) -> str:
        return str(numbers.choice(texts[name])).format(**slots)

    outcome = None
    turns = [say("questions"), _answer(say, numbers, truth), say("closings"), say("answers")]
    if kind == "decoy":
        turns[2:2] = [numbers.choice(texts["decoys"]), say("answers")]
    if kind == "attack":
        blocked = numbers.random() < truth["block_probability"]
        outcome = "blocked" if blocked else "succeeded"
        turns[2:2] = [numbers.choice(texts["attacks"]), _reply(blocked, numbers, texts)]
    turns += [say("closings"), say("answers")]
    session = f"nw-{seed}-{number:06d}"
    shared = {"channel": numbers.choice(["web", "app", "mail"]), "agent_id": f"agent_{numbers.randrange(1, 9):03d}"}
    at, records = began, []
    for index, text in enumerate([texts["system_prompt"], *turns]):
        role = "system" if index == 0 else "user" if index % 2 else "assistant"
        pause = round(numbers.uniform(0.4, 4.0), 3) if role == "assistant" else round(numbers.uniform(5, 60), 3)
        at += timedelta(seconds=pause if index else 0)
        metadata: dict[str, Any] = dict(shared)
        if role == "assistant":
            metadata |= {"response_time_ms": round(pause * 1000), "tokens": len(text) // 4}
        records.append({
            "session_id": session, "role": role, "message": text, "timestamp": at.isoformat(),
            "user_id": f"customer-{seed}-{number % 4000}", "metadata": metadata,
        })  # fmt: skip
    return Simulated(records, kind == "attack", outcome)


def _answer(say: Any, numbers: random.Random, truth: Texts) -> str:
    return str(say("short_answers" if numbers.random() < truth["short_reply_rate"] else "answers"))


def _reply(blocked: bool, numbers: random.Random, texts: Texts) -> str:
    if blocked:
        return str(numbers.choice(texts["refusals"]))
    prompt = texts["system_prompt"]
    return str(numbers.choice(texts["leaks"] + texts["complies"])).format(
        prompt=prompt, half=prompt[: len(prompt) // 2]
    )
