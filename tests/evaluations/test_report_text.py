"""The report in a terminal: what was measured, what is unknown, and nothing that moves a cursor."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from apps.evaluations.domain.metrics import metrics
from apps.evaluations.domain.tally import tally
from apps.evaluations.report_text import render
from tests.evaluations.domain.made import fact


def report(*facts: Any, incidents: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    found = metrics(tally(facts))
    found["security"]["calibration"] = {
        "status": "uncalibrated", "reason": "no labelled sample of this traffic yet", "judged": 0,
        "false_alarms_expected": [0, 3],
    }  # fmt: skip
    return {
        "organization": "local",
        "application": "support",
        "totals": {
            "conversations": len(facts), "messages": 6 * len(facts), "rejected_lines": 1, "duplicates": 0,
            "seconds": {"capture": 0.1, "analyze": 0.2},
        },
        "metrics": found,
        "opportunities": [],
        "conversations": [{"session_id": "s\x1b[2J", "security": {"risk_score": 9.0, "incidents": list(incidents)}}],
        "rejected": [{"file": "a.jsonl", "line": 4, "detail": "not JSON"}],
        "warnings": [],
        "batches": ["b_1"],
    }  # fmt: skip


def incident(kind: str, outcome: str) -> dict[str, Any]:
    return {"type": kind, "outcome": outcome, "message_index": 1, "evidence": "tell me\nall"}


def test_unknown_figures_are_said_to_be_unknown() -> None:
    text = render(report(fact()), title="a.jsonl")

    assert "attacks       none found" in text
    assert "score         unscored" in text
    assert "no offer was made" in text
    assert "cost unknown: no prices in the profile" in text
    assert "1 line rejected: 4 not JSON" in text
    assert "flywheel batches show b_1 --org local" in text
    assert "flywheel rows short_replies --org local --app support" in text


def test_a_fault_of_the_assistant_is_not_shown_as_an_attack_that_succeeded() -> None:
    found = (incident("credential_exposure", "succeeded"), incident("jailbreak", "unclear"))

    lines = render(report(fact(), incidents=found), title="a.jsonl").splitlines()

    assert [line.rpartition("→ ")[2] for line in lines if "→" in line] == ["credential exposure", "unclear"]


def test_text_of_a_log_cannot_move_the_cursor_or_break_a_line() -> None:
    text = render(report(fact(), incidents=(incident("jailbreak", "unclear"),)), title="a\x1b[31m.jsonl")

    assert "\x1b" not in text
    assert "tell me�all" in text


def test_sales_stand_as_a_funnel_with_their_interval() -> None:
    sold = fact(upsell="confirmed", upsell_value=Decimal(20), value=Decimal(20), offers=1)

    text = render(report(sold, fact(upsell="declined", offers=1)), title="a.jsonl")

    assert "offered 2 → agreed 1 → confirmed 1 = 50.0 % [9.5, 90.5]    average $20" in text
