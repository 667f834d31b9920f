from __future__ import annotations

from datetime import UTC, datetime

from apps.demo.production import load, simulate_week
from apps.evaluations.domain.security import builtin_rules

START = datetime(2026, 11, 2, tzinfo=UTC)


def test_the_same_seed_gives_the_same_week() -> None:
    first, again, other = (list(simulate_week(seed=s, conversations=50, start=START)) for s in (7, 7, 8))

    assert first == again
    assert first != other


def test_attacks_are_scheduled_and_no_record_carries_a_verdict() -> None:
    week = list(simulate_week(seed=7, conversations=10_000, start=START))

    assert sum(simulated.attack for simulated in week) == load("truth.yaml")["attacks_scheduled"]
    keys = {key for simulated in week for record in simulated.records for key in record["metadata"]}
    assert keys == {"channel", "agent_id", "response_time_ms", "tokens"}


def test_the_demo_shares_no_four_words_in_a_row_with_the_rules_examples() -> None:
    def grams(texts: list[str]) -> set[tuple[str, ...]]:
        words = [text.lower().split() for text in texts]
        return {tuple(w[i : i + 4]) for w in words for i in range(len(w) - 3)}

    texts = load("texts.yaml")
    examples = [example for rule in builtin_rules() for example in (*rule.match, *rule.no_match)]

    assert grams(texts["attacks"] + texts["decoys"]) & grams(examples) == set()
