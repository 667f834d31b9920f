from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from apps.demo.counting import TrueCounts
from apps.demo.production import simulate_week
from apps.demo.pusher import Pushed, Stored
from apps.demo.summary import detect, figures, summarize
from apps.demo.summary_text import introduce, render_analyzed, render_captured
from apps.demo.week import Captured, Flagged, Lived, Plan
from apps.evaluations.domain.metrics import metrics
from apps.evaluations.domain.moments import Moments
from apps.evaluations.domain.tally import AgentTally, Tally

SIZE = 2_000


@pytest.fixture(scope="module")
def truth() -> TrueCounts:
    counts = TrueCounts()
    for simulated in simulate_week(seed=7, conversations=SIZE, start=datetime(2026, 11, 2, tzinfo=UTC)):
        counts.add(simulated)
    return counts


def measured(**sums: Any) -> dict[str, Any]:
    return metrics(Tally(conversations=SIZE, **sums))


def live(truth: TrueCounts, found: dict[str, Any], *flagged: Flagged) -> Lived:
    stored = Stored(truth.conversations, truth.messages)
    pushed = Pushed(truth.messages, truth.messages)
    return Lived(Plan("shop", SIZE), truth, Captured(SIZE, pushed, stored, 1.0), found, flagged, 2.0)


def flag(session_id: str, attacks: tuple[str, ...] = ("jailbreak",), **more: Any) -> Flagged:
    return replace(Flagged(session_id, attacks, (), ("blocked",) * len(attacks)), **more)


def test_injected_and_detected_are_kept_apart(truth: TrueCounts) -> None:
    first, second, third, *_ = truth.attacks
    decoy = min(truth.decoys)
    lived = live(
        truth, measured(), flag(first), flag(second, outcomes=("blocked", "succeeded")), flag(decoy), flag("other"),
        flag(third, (), faults=("system_prompt_leak",)),
    )  # fmt: skip

    found = detect(lived)

    assert (found.sent, found.found, found.missed) == (5, 2, 3)
    assert (found.false_alarms, found.decoys_flagged, found.harmless) == (2, 1, SIZE - 5)
    assert (found.leaks_alone, found.succeeded) == (1, (second,))
    assert found.recall == 0.4
    assert [sum(counts) for counts in zip(*found.by_style.values(), strict=True)] == [2, 5]
    assert [sum(counts) for counts in zip(*found.by_type.values(), strict=True)] == [2, 5]


def test_a_figure_says_whether_its_interval_holds_the_truth(truth: TrueCounts) -> None:
    right = measured(escalations_done=truth.escalated, attacks_blocked=1, attacks_succeeded=1)
    wrong = measured(escalations_done=truth.escalated // 2)

    known, missed = ({row.key: row for row in figures(live(truth, found))} for found in (right, wrong))

    assert known["escalation_rate"].covered is True
    assert missed["escalation_rate"].covered is False
    assert known["escalation_rate"].measured.n == SIZE
    assert known["block_rate"].measured_of == (1, 2)
    assert missed["block_rate"].covered is None


def test_json_has_truth_and_measurement_under_the_same_keys(truth: TrueCounts) -> None:
    summary = summarize(live(truth, measured(escalations_done=100)))

    assert set(summary["measured"]) <= set(summary["truth"])
    assert summary["truth"]["escalation_rate"] == truth.escalated / SIZE
    assert summary["measured"]["escalation_rate"]["value"] == 0.05
    assert set(summary["measured"]["escalation_rate"]) == {"value", "interval", "n", "grade"}
    assert summary["captured"]["lost"] == 0
    assert summary["truth"]["best_agent"] == "agent_010"


def test_the_text_words_what_was_measured(truth: TrueCounts) -> None:
    found = measured(
        attacked=2, attacks_blocked=1, attacks_succeeded=1, attacks_unclear=3, escalations_done=460,
        patterns={"responses_under_20_chars": 190}, upsells={"confirmed": 90, "declined": 310},
        agents={"agent_007": AgentTally(offered=400, confirmed=90)}, score=Moments(3, 2100, 1_500_000),
        reply_ms={"7": 9},
    )  # fmt: skip
    first, second, *_ = truth.attacks

    text = render_analyzed(live(truth, found, flag(first), flag(second, outcomes=("succeeded",))))

    assert "attacks: 5 sent · found 2 = 40 %" in text
    assert f"1 succeeded: {second} →" in text
    assert "1 of 2 = 50 % [9, 91] · 3 unclear" in text
    assert "23.0 % [21.2, 24.9]  n 2,000" in text
    assert "best seller agent_007" in text
    assert "(truth: agent_010)" in text
    assert max(map(len, text.splitlines())) <= 110


def test_a_week_in_which_nothing_was_found_is_told_too(truth: TrueCounts) -> None:
    text = render_analyzed(live(truth, measured()))

    assert "found 0 = 0 %" in text
    assert "score unknown" in text
    assert "unknown · 0 unclear" in text
    assert "nan" not in text


def test_what_was_lost_or_rejected_is_said() -> None:
    line = render_captured(Captured(100, Pushed(600, 590, 10), Stored(97, 590), 1.25))

    assert "100 conversations pushed, 97 stored, 3 lost, 10 lines rejected" in line


def test_the_introduction_names_seed_and_world() -> None:
    assert "seed 3, world null, improved prompts" in introduce(Plan("shop", seed=3, world="null", prompts="improved"))
