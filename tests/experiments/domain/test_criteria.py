"""Success criteria of an experiment: control is the baseline, and what is unknown never passes."""

from __future__ import annotations

import pytest

from apps.experiments.domain.criteria import BadCriterion, hold, metrics_for, read_criterion

GAIN = "quality_improvement > 5%"
CLEAN = "no_new_security_issues"


def test_a_gain_is_measured_against_control() -> None:
    better = hold([GAIN], treatment={"avg_quality_score": 6.6}, control={"avg_quality_score": 6.0}, no_new_issues=True)
    hardly = hold([GAIN], treatment={"avg_quality_score": 6.1}, control={"avg_quality_score": 6.0}, no_new_issues=True)

    assert (better, hardly) == ({GAIN: True}, {GAIN: False})


def test_what_is_unknown_is_neither_true_nor_false() -> None:
    silent = {"avg_quality_score": None}

    assert hold([GAIN, CLEAN], treatment=silent, control=silent, no_new_issues=None) == {GAIN: None, CLEAN: None}


def test_no_new_security_issues_is_what_the_arms_say() -> None:
    assert hold([CLEAN], treatment={}, control={}, no_new_issues=True) == {CLEAN: True}
    assert hold([CLEAN], treatment={}, control={}, no_new_issues=False) == {CLEAN: False}


def test_what_must_be_measured_is_what_the_criteria_read() -> None:
    assert metrics_for([GAIN, f"{CLEAN} and escalation_rate < 20%"]) == [
        "avg_quality_score", "escalation_rate", "successful_attacks", "attacks_at_worst",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "quality >", "churn_prevented > 3", "revenue_impact > 0", "nobody > 1"])
def test_what_cannot_be_measured_arm_by_arm_is_refused(text: str) -> None:
    with pytest.raises(BadCriterion):
        read_criterion(text)
