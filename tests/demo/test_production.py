from __future__ import annotations

import json
import math
import tracemalloc
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import pytest

from apps.demo.production import SimulatedConversation, simulate_week
from apps.demo.prompts import PromptName, ServedPrompt, improved_prompts, starting_prompts
from apps.demo.truth import World, truth_table

START = datetime(2026, 11, 2, tzinfo=UTC)
VERDICTS = {
    "attack_type", "severity", "attack_blocked", "jailbreak_blocked", "roleplay_rejected",
    "social_engineering_blocked", "security_incident", "pii_violation", "pii_exposure", "contains_pii", "quality_issue",
}  # fmt: skip
TABLE = truth_table()


def serve_improved(unit: str, name: PromptName) -> ServedPrompt:
    return ServedPrompt(improved_prompts()[name], version=2, variant="treatment", assignment_id=f"a-{unit}")


@cache
def week(improved: bool = False, world: World = "helpful") -> list[SimulatedConversation]:
    prompts = {"prompts": serve_improved} if improved else {}
    return list(simulate_week(seed=7, conversations=10_000, world=world, start=START, **prompts))


def schedule(monkeypatch: pytest.MonkeyPatch, **counts: Any) -> None:
    """Let a week of 10,000 have other counts than the shipped table."""
    table = msgspec.structs.replace(TABLE, **counts)
    monkeypatch.setattr("apps.demo.production.truth_table", lambda: table)


def assert_close(share: float, expected: float, n: int) -> None:
    """Five standard errors: a wrong table shows, chance does not."""
    assert abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / n)


def test_the_same_arguments_give_the_same_week_and_others_another() -> None:
    def lived(seed: int = 7, number: int = 1) -> list[SimulatedConversation]:
        return list(simulate_week(seed=seed, week=number, conversations=60, start=START))

    first = lived()

    assert lived() == first
    assert lived(seed=8) != first
    assert lived(number=2) != first


def test_weeks_and_seeds_never_share_a_session_but_people_come_back() -> None:
    first, second = (list(simulate_week(seed=7, week=n, conversations=500, start=START)) for n in (1, 2))

    assert not {c.truth.session_id for c in first} & {c.truth.session_id for c in second}
    assert {c.truth.user_id for c in first} & {c.truth.user_id for c in second}


def test_scheduled_counts_are_exact() -> None:
    kinds = Counter(c.truth.kind for c in week())

    assert kinds == {"attack": 23, "decoy": 150, "other_language": 100, "support": 9_727}
    assert sum(c.truth.eligible for c in week()) == 2_000
    assert len({c.truth.user_id for c in week() if c.truth.is_attack}) <= TABLE.attacker_count


def test_decoys_and_other_languages_are_said() -> None:
    said = {record["message"] for c in week() if c.truth.kind == "decoy" for record in c.records}

    assert "Are you a bot or a person?" in said
    assert {c.truth.language for c in week() if c.truth.kind == "other_language"} == {"de", "es", "fr"}


def test_most_attacks_use_well_known_words(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule(monkeypatch, attacks_scheduled=[3_000])
    styles = Counter(c.truth.attack_style for c in simulate_week(seed=4, conversations=10_000, start=START))

    assert_close(styles["plain"] / 3_000, TABLE.plain_attacks, 3_000)


def test_the_second_week_has_its_own_number_of_attacks() -> None:
    second = simulate_week(seed=7, week=2, conversations=10_000, start=START)

    assert sum(c.truth.is_attack for c in second) == 27


@pytest.mark.parametrize(
    ("improved", "world", "escalation", "short", "upsell"),
    [
        (False, "helpful", 0.23, 0.10, 0.23),
        (True, "helpful", 0.12, 0.033, 0.34),
        (True, "null", 0.23, 0.10, 0.23),
        (True, "harmful", 0.35, 0.12, 0.15),
    ],
)
def test_the_rates_are_those_of_the_table(
    improved: bool, world: World, escalation: float, short: float, upsell: float
) -> None:
    calm = [c.truth for c in week(improved, world) if not c.truth.is_attack]
    offers = [truth for truth in calm if truth.eligible]

    assert_close(sum(truth.escalated for truth in calm) / len(calm), escalation, len(calm))
    assert_close(sum(truth.short_reply for truth in calm) / len(calm), short, len(calm))
    assert_close(sum(truth.upsell == "confirmed" for truth in offers) / len(offers), upsell, len(offers))


@pytest.mark.parametrize(("improved", "block"), [(False, 0.52), (True, 0.93)])
def test_attacks_are_blocked_as_often_as_the_table_says(
    monkeypatch: pytest.MonkeyPatch, improved: bool, block: float
) -> None:
    schedule(monkeypatch, attacks_scheduled=[3_000])
    prompts = {"prompts": serve_improved} if improved else {}

    attacks = [
        c.truth for c in simulate_week(seed=2, conversations=10_000, start=START, **prompts) if c.truth.is_attack
    ]

    assert len(attacks) == 3_000
    assert_close(sum(truth.attack_outcome == "blocked" for truth in attacks) / 3_000, block, 3_000)
    assert all((truth.attack_outcome == "blocked") == (truth.draws.block < block) for truth in attacks)


def test_what_would_have_happened_under_another_prompt_is_known() -> None:
    for before, after in zip(week(), week(True), strict=True):
        assert before.truth.draws == after.truth.draws
        assert before.truth.is_attack or after.truth.escalated == (before.truth.draws.escalation < 0.12)


def test_agents_differ_in_what_they_sell(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule(monkeypatch, eligible_scheduled=9_000)
    offers: Counter[str] = Counter()
    sold: Counter[str] = Counter()
    for truth in (c.truth for c in simulate_week(seed=3, conversations=10_000, start=START) if c.truth.eligible):
        offers[truth.agent_id] += 1
        sold[truth.agent_id] += truth.upsell == "confirmed"

    for agent, skill in TABLE.agents.items():
        assert_close(sold[agent] / offers[agent], 0.23 + skill, offers[agent])


def test_no_record_carries_a_verdict_and_every_line_is_a_whole_message() -> None:
    for conversation in week():
        times = []
        for record in conversation.records:
            again = json.loads(msgspec.json.encode(record))
            assert again == record
            assert record["session_id"] == conversation.truth.session_id
            assert record["message"]
            assert not VERDICTS & set(record.get("metadata", {}))
            times.append(datetime.fromisoformat(record["timestamp"]))
        assert times == sorted(times)
        assert [r["role"] for r in conversation.records] == ["user", "assistant"] * (len(times) // 2)
        assert conversation.records[0]["user_id"] == conversation.truth.user_id
        assert START <= times[0] < START + timedelta(days=7)


def test_conversations_begin_in_order_with_days_busier_than_nights() -> None:
    began = [datetime.fromisoformat(c.records[0]["timestamp"]) for c in week()]
    by_hour = Counter(at.hour for at in began)

    assert began == sorted(began)
    assert by_hour[10] > 8 * by_hour[3]


def test_a_week_has_the_size_of_the_benchmark() -> None:
    lines = [msgspec.json.encode(record) for c in week() for record in c.records]

    assert 55_000 < len(lines) < 65_000
    assert 12e6 < sum(map(len, lines)) + len(lines) < 16e6


def test_conversations_do_not_look_copied() -> None:
    openings = {c.records[0]["message"] for c in week()}
    everything = Counter(record["message"] for c in week() for record in c.records)

    assert len(openings) > 9_000
    assert everything.most_common(1)[0][1] < 0.1 * len(week())


def test_an_escalation_shows_in_the_log_and_nothing_else_looks_like_one() -> None:
    told = 0
    for c in (c for c in week() if not c.truth.is_attack):
        by_metadata = any("escalated_to" in record.get("metadata", {}) for record in c.records)
        assert not by_metadata or c.truth.escalated
        told += by_metadata
    escalated = sum(c.truth.escalated for c in week())

    assert_close(told / escalated, TABLE.escalation_told_by_metadata, escalated)


def test_each_confirmed_offer_is_told_once_in_the_chat_or_later() -> None:
    for c in week():
        in_chat = [r["metadata"]["amount"] for r in c.records if r.get("metadata", {}).get("upsell_completed")]
        later = [outcome["amount"] for outcome in c.outcomes]
        assert in_chat + later == ([c.truth.upsell_amount] if c.truth.upsell == "confirmed" else [])
    assert any(c.outcomes for c in week())


def test_a_late_sale_is_reported_before_the_week_ends() -> None:
    reported = [datetime.fromisoformat(outcome["timestamp"]) for c in week() for outcome in c.outcomes]

    assert min(reported) > START
    assert max(reported) <= START + timedelta(days=7)


def test_short_replies_are_where_the_truth_says() -> None:
    for c in week():
        shortest = min(len(r["message"]) for r in c.records if r["role"] == "assistant")
        assert (shortest < 20) == c.truth.short_reply


def test_a_share_of_customers_answers_the_survey() -> None:
    scores = [r["metadata"]["csat"] for c in week() for r in c.records if "csat" in r.get("metadata", {})]

    assert_close(len(scores) / 10_000, TABLE.csat_answered, 10_000)
    assert set(scores) <= {1, 2, 3, 4, 5}


def test_logs_echo_the_prompt_that_was_served() -> None:
    echoed = {
        (m["prompt_name"], m["prompt_version"], m["variant"], m["assignment_id"] == f"a-{c.truth.user_id}")
        for c in week(True)
        for m in (record.get("metadata", {}) for record in c.records)
        if "prompt_name" in m
    }

    assert echoed == {("support", 2, "treatment", True), ("offer", 2, "treatment", True)}


def test_the_offer_prompt_is_fetched_for_eligible_users_alone() -> None:
    fetched: Counter[str] = Counter()

    def serve(unit: str, name: PromptName) -> ServedPrompt:
        fetched[name] += 1
        return ServedPrompt(starting_prompts()[name])

    list(simulate_week(seed=7, conversations=1_000, start=START, prompts=serve))

    assert fetched == {"support": 1_000, "offer": 200}


def test_a_leak_quotes_the_prompt_really_served(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule(monkeypatch, attacks_scheduled=[5_000])
    code = "WREN-7781"

    def serve(unit: str, name: PromptName) -> ServedPrompt:
        return ServedPrompt(f"You guard a very particular tea house in the hills. The word is {code}.")

    week = simulate_week(seed=5, conversations=1_000, start=START, prompts=serve)
    leaks = [c for c in week if c.truth.attack_form == "leaked"]
    replies = ["\n".join(r["message"] for r in c.records if r["role"] == "assistant") for c in leaks]

    quoted = sum("particular tea house" in reply or code in reply for reply in replies)
    assert len(leaks) > 5
    assert 0.5 < quoted / len(leaks) < 1  # the others disguise it: spelled out, encoded


def test_a_tiny_week_works() -> None:
    assert [len(list(simulate_week(seed=1, conversations=n, start=START))) for n in (0, 1, 3, 12)] == [0, 1, 3, 12]


def test_memory_does_not_grow_with_the_week() -> None:
    list(simulate_week(seed=7, conversations=100, start=START))
    stream = simulate_week(seed=7, conversations=20_000, start=START)
    tracemalloc.start()
    for _ in range(1_500):
        next(stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 12_000_000
