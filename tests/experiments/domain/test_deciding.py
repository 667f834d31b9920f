"""The rules of a tick, in their order, and how often they are wrong when nothing is different."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.experiments.domain.deciding import Compared, Reading, Ruling, decide
from apps.experiments.domain.measures import MEASURES, compare_arms
from apps.experiments.domain.plans import GuardrailPlan, Plan, StepPlan, VariantPlan
from apps.experiments.domain.statistics import RatioSummary, SampleRatio

START = datetime(2026, 3, 2, tzinfo=UTC)
FINE = {"exposures": SampleRatio(0.8, True), "units": SampleRatio(0.7, True)}
PLAN = Plan(
    variants=(VariantPlan("control", 1), VariantPlan("short", 2)),
    metric="escalation_rate", direction="decrease", planned_n=10_000, min_days=7,
    guardrails=(
        GuardrailPlan("resolution_rate", 0.03, "gate", "increase"),
        GuardrailPlan("unhelpful_response", 0.0, "harm_only", "decrease"),
    ),
)  # fmt: skip


def arm(successes: int, n: int) -> RatioSummary:
    return RatioSummary(n, successes, successes, n, n, successes)


def compared(plan: Plan, metric: str, control: RatioSummary, treatment: RatioSummary, alpha: float) -> Compared:
    better = {each.metric: each.direction for each in plan.guardrails}.get(metric, plan.direction) == "increase"
    return Compared(
        plan.variants[1].key,
        compare_arms(
            MEASURES[metric], control, treatment, alpha=alpha, planned_n=plan.planned_n, higher_is_better=better
        ),
    )


def reading(
    plan: Plan = PLAN,
    *,
    days: float = 8,
    n: int = 2000,
    primary: tuple[int, int] = (460, 460),
    gate: tuple[int, int] = (1600, 1600),
    harm: tuple[int, int] = (200, 200),
) -> Reading:
    """A look at n units per arm after so many days; events are (control, treatment)."""
    arms = {"escalation_rate": primary, "resolution_rate": gate, "unhelpful_response": harm}
    guarded = [
        [compared(plan, each.metric, *(arm(k, n) for k in arms[each.metric]), plan.guarded_alpha(each))]
        for each in plan.guardrails
    ]
    first = [] if plan.metric is None else [compared(plan, plan.metric, *(arm(k, n) for k in primary), plan.alpha)]
    return Reading(
        at=START + timedelta(days=days), started_at=START, step_since=START, step=0, step_approved=False,
        units={"control": n, "short": n}, sample_ratios=FINE, in_two_arms=0, served_wrong=0,
        control_moved=False, analyzers_changed=False,
        primary=first, guarded=guarded,
    )  # fmt: skip


def ruling(plan: Plan = PLAN, **what: object) -> tuple[str, str]:
    found = decide(plan, reading(plan, **what))  # type: ignore[arg-type]
    return found.rule, found.action


def test_a_clear_improvement_with_its_gate_passed_wins() -> None:
    found = decide(PLAN, reading(n=4500, primary=(1035, 540), gate=(3600, 3600), harm=(450, 440)))
    assert (found.rule, found.action, found.variant) == ("primary", "winner", "short")


def test_nothing_is_decided_before_the_minimum_days() -> None:
    found = decide(PLAN, reading(days=3, n=4500, primary=(1035, 540), gate=(3600, 3600), harm=(450, 440)))
    assert (found.action, found.needs) == ("wait", "4 days more of the 7 days every verdict waits for")


def test_a_winner_waits_for_its_gate() -> None:
    assert ruling(n=700, primary=(161, 70), gate=(560, 560), harm=(70, 70)) == ("gate", "wait")


def test_a_gate_never_passed_ends_without_a_winner() -> None:
    assert ruling(n=5000, primary=(1150, 600), gate=(4000, 3860), harm=(500, 500)) == ("planned_n", "no_winner")


def test_the_worse_arm_loses() -> None:
    assert ruling(n=4000, primary=(480, 920), gate=(3200, 3200)) == ("primary", "loser")


def test_a_harmed_guardrail_rolls_back_before_the_minimum_days() -> None:
    assert ruling(days=1, harm=(200, 320)) == ("guardrail", "roll_back")


def test_harm_is_seen_before_success() -> None:
    assert ruling(n=4500, primary=(1035, 540), harm=(450, 700))[1] == "roll_back"


def test_a_gate_harmed_beyond_its_margin_rolls_back() -> None:
    assert ruling(n=2000, gate=(1600, 1400)) == ("guardrail", "roll_back")


def test_a_broken_split_holds_whatever_the_figures_say() -> None:
    broken = {**FINE, "units": SampleRatio(1e-6, False)}
    look = replace(reading(n=4500, primary=(1035, 540), harm=(450, 700)), sample_ratios=broken)
    assert decide(PLAN, look) == Ruling(
        "sample_ratio", "hold", "sample-ratio mismatch in units (p = 1.0e-06): units did not arrive as assigned"
    )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"analyzers_changed": True}, "analyzers"),
        ({"in_two_arms": 41}, "two_arms"),
        ({"served_wrong": 1}, "served"),
        ({"control_moved": True}, "control_moved"),
    ],
)
def test_what_was_not_served_as_assigned_holds(change: dict[str, int], rule: str) -> None:
    assert decide(PLAN, replace(reading(), **change)).rule == rule  # type: ignore[arg-type]


def test_the_planned_size_reached_undecided_is_no_winner() -> None:
    assert ruling(n=5000, primary=(1150, 1140), gate=(4000, 4000), harm=(500, 500)) == ("planned_n", "no_winner")


def test_what_is_missing_is_said_in_days() -> None:
    assert decide(PLAN, reading()).needs == "6,000 more units of the planned 10,000: 12 days at this pace"


def test_missing_data_neither_promotes_nor_rolls_back() -> None:
    assert ruling(n=0, primary=(0, 0), gate=(0, 0), harm=(0, 0)) == ("primary", "wait")


RAMP = replace(PLAN, steps=(StepPlan(10, min_hours=24, min_units=100), StepPlan(50)))
ROLLOUT = replace(PLAN, metric=None, steps=(StepPlan(10, min_hours=24), StepPlan(100, approval=True)), min_days=0)


def test_a_step_is_held_for_its_hours_then_its_units_then_left() -> None:
    assert decide(RAMP, reading(RAMP, days=0.5)).action == "wait"
    assert ruling(RAMP, days=2, n=90, primary=(20, 20), gate=(70, 70), harm=(9, 9)) == ("min_days", "wait")
    assert ruling(RAMP, days=2) == ("step", "advance")


def test_a_rollout_needs_no_verdict_only_the_absence_of_harm() -> None:
    plan = replace(ROLLOUT, guardrails=PLAN.guardrails[1:])
    assert ruling(plan, days=0.5) == ("step", "wait")
    assert ruling(plan, days=2) == ("step", "advance")
    last = replace(reading(plan, days=2), step=1)
    assert decide(plan, last).needs == "a person's approval to leave this step"
    assert decide(plan, replace(last, step_approved=True)).action == "winner"
    assert ruling(plan, days=2, harm=(200, 330)) == ("guardrail", "roll_back")


def test_with_several_treatments_the_best_winner_is_named() -> None:
    plan = replace(PLAN, variants=(*PLAN.variants, VariantPlan("warm", 3)), guardrails=())
    short = compared(plan, "escalation_rate", arm(1035, 4500), arm(800, 4500), plan.alpha_of_each)
    warm = replace(
        compared(plan, "escalation_rate", arm(1035, 4500), arm(540, 4500), plan.alpha_of_each), variant="warm"
    )
    look = replace(reading(plan), primary=[short, warm])
    assert decide(plan, look).variant == "warm"


def live(plan: Plan, rates: Sequence[tuple[float, float]], *, seed: int, looks: int = 10, n: int = 500) -> str:
    """Live through an experiment of looks × n units per arm; return how it ended."""
    chance = random.Random(seed)
    totals = [[0, 0] for _ in rates]
    for look in range(1, looks + 1):
        for total, pair in zip(totals, rates, strict=True):
            for side, rate in enumerate(pair):
                total[side] += round(chance.normalvariate(n * rate, math.sqrt(n * rate * (1 - rate))))
        primary, gate, harm = ((total[0], total[1]) for total in totals)
        ended = decide(plan, reading(plan, days=look, n=look * n, primary=primary, gate=gate, harm=harm))
        if ended.action != "wait":
            return ended.action
    return "undecided"


def test_an_arm_that_is_no_better_is_promoted_no_more_often_than_alpha() -> None:
    ends = [live(PLAN, [(0.23, 0.23), (0.8, 0.8), (0.1, 0.1)], seed=seed) for seed in range(60)]
    # Binomial(60, .05): more than 9 has probability under .003.
    assert ends.count("winner") <= 9
    assert ends.count("roll_back") <= 9


def test_a_large_improvement_is_found_and_a_harmful_change_rolled_back() -> None:
    helpful = [live(PLAN, [(0.23, 0.12), (0.8, 0.8), (0.1, 0.1)], seed=seed) for seed in range(12)]
    harmful = [live(PLAN, [(0.23, 0.23), (0.8, 0.8), (0.1, 0.16)], seed=seed) for seed in range(12)]
    assert helpful.count("winner") >= 11
    assert harmful.count("roll_back") >= 11
