"""The wheel end to end: two simulated weeks against the running product, and the same with a stage taken out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from apps.cycles.domain.configuration import read_configuration
from apps.demo.counting import TrueCounts
from apps.demo.month import LoopCut, Month, Plan, Verdict, Week, check_loop, configured
from apps.demo.month_text import render_month, summarize_month
from apps.demo.pusher import Pushed, Stored
from tests.product import Product, flywheel


def arms(units: int) -> dict[str, Any]:
    comparison = {"variant": "treatment", "difference": -0.11, "interval": [-0.13, -0.09], "p_value": 1e-9}
    both = [{"key": "control", "units": units}, {"key": "treatment", "units": units}]
    return {"metric": "escalation_rate", "variants": both, "comparisons": [comparison]}


def lived(number: int, *, stored: int = 100, analyzed: int = 100, stages: tuple[str, ...] = ("improve",)) -> Week:
    truth = TrueCounts()
    truth.conversations, truth.blocked = 100, 2
    truth.attacks = {f"s{number}-{n}": ("plain", "jailbreak") for n in range(4)}
    metrics = {
        "conversations": analyzed,
        "security": {"attacks_blocked": 2, "attacks_succeeded": 2, "block_rate": 0.5, "block_rate_ci": [0.2, 0.8]},
        "quality": {"escalation_rate": 0.2},
        "business": {"upsell_rate": 0.2},
    }
    cycle = {
        "id": "c_1", "slot": "2026-11-09T00:00:00Z", "status": "finished",
        "stages": [{"name": name, "did": "it", "figures": {"fired": []}} for name in stages],
    }  # fmt: skip
    return Week(number, truth, Pushed(), Stored(stored), metrics, cycle, 1.0)


WON = Verdict("x_1", "clear-answers", "promoted", "better", 7, -0.117, arms(900))
WHOLE = Month(Plan("shop", weeks=2), (lived(1), lived(2)), ({"id": "i_1"},), (WON,), ())


def test_a_wheel_that_turned_passes() -> None:
    check_loop(WHOLE)


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        ("capture", {"weeks": (lived(1), lived(2, stored=99))}),
        ("analyze", {"weeks": (lived(1, analyzed=98), lived(2))}),
        ("insights", {"weeks": (lived(1), lived(2, stages=()))}),
        ("improve", {"improvements": ()}),
        ("deploy", {"verdicts": ()}),
        ("measure", {"verdicts": (replace(WON, results=arms(0)),)}),
    ],
)
def test_a_stage_that_did_not_do_its_part_is_named(stage: str, change: dict[str, Any]) -> None:
    with pytest.raises(LoopCut, match=f"cut at {stage.upper()}"):
        check_loop(replace(WHOLE, **change))


@pytest.mark.parametrize(
    ("truth", "state", "right"),
    [
        (-0.11, "promoted", True), (-0.11, "no_winner", False), (-0.11, "running", True), (0.0, "no_winner", True),
        (0.0, "promoted", False), (0.06, "rolled_back", True), (0.06, "promoted", False), (None, "stopped", True),
    ],
)  # fmt: skip
def test_right_is_what_helps_promoted_and_nothing_else(truth: float | None, state: str, right: bool) -> None:
    assert replace(WON, truth=truth, state=state).right is right


def test_truth_stands_beside_what_was_measured() -> None:
    told = render_month(WHOLE)

    assert "  escalation, clear-answers             −11.7   −11.0 [−13.0, −9.0]         ✓" in told
    assert "blocked attacks, %, before→after      50→50   50→50 [15.0, 85.0]" in told
    assert "8 sent   0 found, 0 false alarms" in told
    assert "decisions right 1 of 1 · intervals covering 2 of 2" in told


def test_what_has_just_begun_is_no_decision() -> None:
    begun = replace(WON, state="running", truth=None, results=arms(0) | {"comparisons": []})

    assert "decisions right 1 of 1" in render_month(replace(WHOLE, verdicts=(WON, begun)))


def test_what_is_cut_out_of_the_wheel_is_in_no_configuration_of_it() -> None:
    whole = read_configuration(configured(None))

    assert configured("insights") == ""
    assert [each.text for each in read_configuration(configured("improve")).improve.triggers] == [
        "escalation_rate > 99%"
    ]
    assert whole.improve.auto_fix == ("upsell_rate",)
    assert read_configuration(configured("deploy")).improve.auto_fix == ()


@pytest.mark.services
@pytest.mark.parametrize("stage", ["improve", "deploy"])
def test_a_wheel_with_a_stage_cut_out_fails_and_names_it(shared_product: Product, stage: str) -> None:
    done = flywheel(
        "demo", "--cut", stage, "--weeks", "2", "--per-week", "400", "--no-serve", "--data-dir",
        str(shared_product.data_dir),
    )  # fmt: skip

    assert done.returncode == 1
    assert f"the loop is cut at {stage.upper()}" in done.stderr


@pytest.mark.services
def test_two_weeks_from_the_finding_to_the_verdict(shared_product: Product) -> None:
    done = flywheel(
        "demo", "--weeks", "2", "--per-week", "1500", "--no-serve", "--format", "json", "--data-dir",
        str(shared_product.data_dir),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    told = json.loads(done.stdout)

    states = {each["name"]: each["state"] for each in told["decisions"]}
    assert states["clear-answers"] == "promoted"
    assert {each["key"]: each["state"] for each in told["improvements"]}["injection-shield"] == "deployed"
    measured, truth = told["measured"]["clear-answers"], told["truth"]["clear-answers"]
    assert measured["interval"][0] <= truth <= measured["interval"][1] < 0
    assert [cycle["status"] for cycle in told["cycles"]] == ["finished", "finished"]
    assert [week["stored"] for week in told["weeks"]] == [1500, 1500]


def test_the_summary_says_what_was_decided_and_whether_it_was_right() -> None:
    improvement = dict.fromkeys(("id", "key", "state", "why", "experiment", "prompt", "version"), "")
    told = summarize_month(replace(WHOLE, improvements=(improvement,)))

    assert told["decisions"][0] == {
        "experiment": "x_1", "name": "clear-answers", "state": "promoted", "reason": "better", "day": 7, "right": True,
    }  # fmt: skip
    assert told["detection"] == {"sent": 8, "found": 0, "false_alarms": 0}
