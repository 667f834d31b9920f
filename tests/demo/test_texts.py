from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.demo.population import fill_slots, people
from apps.demo.texts import all_texts

START = datetime(2026, 11, 2, tzinfo=UTC)
TEXTS = all_texts()
APPS = Path(__file__).parents[2] / "apps"
MATCHING = {"match", "must_match", "examples"}
HARMLESS = {"no_match", "must_not_match"}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for inner in value.values() for text in strings(inner))
    elif isinstance(value, list):
        yield from (text for inner in value for text in strings(inner))


def word_grams(text: str, length: int = 4) -> set[tuple[str, ...]]:
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower())
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def rule_grams(keys: set[str]) -> set[tuple[str, ...]]:
    """The 4-grams of the rules' examples under these keys, and of the literal stretches of their patterns."""
    found: set[tuple[str, ...]] = set()
    for path in (APPS / "evaluations" / "domain").rglob("*.yaml"):
        for rule in _mappings(yaml.safe_load(path.read_text("utf-8"))):
            for key in keys & set(rule):
                for example in strings(rule[key]):
                    found |= word_grams(example)
            # Escapes and brackets end a stretch of plain words; "(?:a|b) c" has the stretches a, b and c.
            plain = re.sub(r"\\[bB]|\(\?[:a-z]*|\\s[+*]?", " ", str(rule.get("pattern", "")))
            for stretch in re.split(r"[^\w' ]+", plain):
                found |= word_grams(stretch)
    return found


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _mappings(inner)


@pytest.mark.parametrize("path", sorted((APPS / "demo" / "texts").glob("*.yaml")), ids=lambda path: path.name)
def test_the_texts_share_no_four_words_in_a_row_with_the_rules(path: Path) -> None:
    # What is meant to look suspicious stays away from the rules' harmless examples too: they were tuned on these.
    suspicious = path.stem in {"attacks", "decoys"}
    rules = rule_grams(MATCHING | HARMLESS if suspicious else MATCHING)

    shared = {gram for text in strings(yaml.safe_load(path.read_text("utf-8"))) for gram in word_grams(text) & rules}

    assert len(rules) > 50, "the rules were not found"
    assert shared == set(), "say it differently in the demo's texts: the simulation must be able to fool the rules"


def test_every_template_can_be_filled() -> None:
    slots = fill_slots(people(1, 20)[0], "Mia", "19.99", START, random.Random(1))
    leak = {"prompt": "p", "part": "p", "secret": "s", "spaced": "s", "coded": "c", "code": "c"}

    filled = [
        text.format_map(slots | leak)
        for path in (APPS / "demo" / "texts").glob("*.yaml")
        if path.name != "people.yaml"
        for text in strings(yaml.safe_load(path.read_text("utf-8")))
    ]

    assert len(filled) > 500


def test_short_replies_are_short_and_no_other_reply_is() -> None:
    shorts = TEXTS.talk.short_replies + [text for words in TEXTS.languages.values() for text in words.short_replies]
    replies = [
        *TEXTS.talk.vague_replies, *TEXTS.talk.second_replies, *TEXTS.talk.hand_offs, *TEXTS.talk.farewells,
        *TEXTS.talk.sorry_farewells, *TEXTS.talk.quiet_farewells, *TEXTS.attacks.preludes,
        *TEXTS.attacks.goodbye_replies, *TEXTS.offers.accept_replies, *TEXTS.offers.pending_replies,
        *TEXTS.offers.decline_replies, *TEXTS.offers.ignore_replies, *(reply for _, reply in TEXTS.decoys),
        *(text for intent in TEXTS.intents.values() for text in intent.replies + intent.steps + intent.asks),
        *(text for words in TEXTS.languages.values() for text in words.replies + words.farewells + words.hand_offs),
    ]  # fmt: skip

    assert max(map(len, shorts)) < 20
    assert min(map(len, replies)) > 20


def test_steps_are_numbered_and_plain_replies_are_not() -> None:
    for intent in TEXTS.intents.values():
        assert all("1. " in text and "2. " in text for text in intent.steps)
        assert not any("1. " in text for text in intent.replies)


def test_there_is_enough_to_say() -> None:
    attacks = TEXTS.attacks.attacks

    assert len(TEXTS.intents) >= 12
    assert len(TEXTS.decoys) >= 40
    assert len(attacks) >= 70
    assert len({attack.type for attack in attacks}) == 5
    assert {attack.language for attack in attacks} == {"en", "de", "es", "fr"}
    assert sum(len(attack.turns) > 1 for attack in attacks) >= 6
    assert sum(attack.encode != "" for attack in attacks) >= 5
    assert all(any("{secret}" not in line for line in lines) for lines in TEXTS.attacks.leaked.values())
