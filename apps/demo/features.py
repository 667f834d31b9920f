"""What a prompt asks of the bot, read by a table of word stems so that a paraphrase counts as much as the original."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import resources

import msgspec
import yaml

_SENTENCE_END = re.compile(r"[.!?;\n•]+")


class _Reading(msgspec.Struct, forbid_unknown_fields=True):
    groups: list[list[str]]
    negated: str


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    negations: list[str]
    features: dict[str, list[_Reading]]


class _Compiled(msgspec.Struct, frozen=True):
    negation: re.Pattern[str]
    # feature → its readings: (must the sentence deny something, one pattern a group)
    readings: dict[str, tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]]


def feature_names() -> tuple[str, ...]:
    """Return every feature the bot knows."""
    return tuple(_table().readings)


@lru_cache(maxsize=512)
def read_features(prompt: str) -> frozenset[str]:
    """Return the features of a prompt (names of features.yaml)."""
    table = _table()
    text = prompt.lower().replace("’", "'").replace("n't", " not")
    sentences = [(s, table.negation.search(s) is not None) for s in _SENTENCE_END.split(text) if s.strip()]
    return frozenset(
        name
        for name, readings in table.readings.items()
        if any(
            (negated == "any" or (negated == "yes") is denies) and all(group.search(sentence) for group in groups)
            for sentence, denies in sentences
            for negated, groups in readings
        )
    )


@cache
def _table() -> _Compiled:
    source = resources.files(__package__).joinpath("features.yaml").read_text("utf-8")
    table = msgspec.convert(yaml.safe_load(source), _Table)
    whole = "|".join(
        re.escape(word.removesuffix("*")) + ("" if word.endswith("*") else r"\b") for word in table.negations
    )
    return _Compiled(
        negation=re.compile(rf"\b(?:{whole})"),
        readings={
            name: tuple((reading.negated, tuple(map(_any_of, reading.groups))) for reading in readings)
            for name, readings in table.features.items()
        },
    )


def _any_of(stems: Sequence[str]) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(map(re.escape, stems)) + ")")
