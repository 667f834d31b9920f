"""What is drawn: good, bad and undecided lines alike, each counted once, the same for the same seed."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from apps.platform.documents import BadDocument
from apps.reports.domain.roi.drawing import draw_assumption, draw_effect, shrunk
from apps.reports.domain.roi.model import Assumption, Effect, Source
from tests.reports.domain.roi.models import drawn, model_of

GAIN = "effect: {{estimate: {}, low: {}, high: {}, taken: after_decision}}"


def line(key: str, *, grade: str = "A", effect: tuple[str, str, str] = ("10%", "10%", "10%"), more: str = "") -> str:
    return f"  - {{key: {key}, grade: {grade}, volume: 1000, unit_value: 10, {GAIN.format(*effect)}{more}}}\n"


def lines(*each: str, months: int = 1) -> str:
    return f"months: {months}\nbenefits:\n{''.join(each)}"


def assumed(low: str, mode: str, high: str) -> Assumption:
    return Assumption(
        key="rate", low=Decimal(low), mode=Decimal(mode), high=Decimal(high), unit="USD an hour", owner="finance",
        source=Source.GUESS, valid_from=None, approved_by=None,
    )  # fmt: skip


def test_pert_has_the_mean_of_its_three_points_and_stays_between_them() -> None:
    values = draw_assumption(assumed("50", "75", "120"), draws=100_000, seed=1)
    assert values.mean() == pytest.approx((50 + 4 * 75 + 120) / 6, rel=0.003)
    assert values.min() >= 50
    assert values.max() <= 120


def test_an_effect_is_drawn_as_wide_as_its_interval() -> None:
    values = draw_effect(
        Effect(Decimal("0.1"), Decimal("0.02"), Decimal("0.18"), False, False), key="a", draws=100_000, seed=1
    )
    assert np.percentile(values, [2.5, 97.5]) == pytest.approx([0.02, 0.18], abs=0.002)


def test_an_effect_chosen_for_being_large_is_shrunk() -> None:
    assert shrunk(0.1, 0.05) == pytest.approx(0.075)
    assert shrunk(0.04, 0.05) == 0
    assert shrunk(-0.1, 0.05) == pytest.approx(-0.075)


def test_grades_take_their_haircut_and_estimates_stay_apart() -> None:
    found = drawn(lines(*(line(grade.lower(), grade=grade) for grade in "ABCD")))
    assert {each.key: each.total.p50 for each in found.lines} == {"a": 1000, "b": 750, "c": 500}
    assert [each.key for each in found.apart] == ["d"]
    assert found.benefit.p50 == 2250


def test_a_negative_line_lowers_the_total() -> None:
    found = drawn(lines(line("good"), line("bad", effect=("-4%", "-4%", "-4%"))))
    assert found.net.p50 == 600


def test_an_undecided_line_is_drawn_with_its_whole_spread_and_said_so() -> None:
    found = drawn(lines(line("open", effect=("1%", "-5%", "7%"))))
    assert found.lines[0].undecided
    assert found.net.p10 < 0 < found.net.p90


def test_without_a_cost_there_is_no_ratio() -> None:
    assert drawn(lines(line("good"))).roi is None


def test_a_loss_has_a_negative_return_and_never_pays_back() -> None:
    found = drawn(lines(line("good"), months=3) + "costs: [{key: licence, kind: licence, each: once, price: 30000}]\n")
    assert found.roi is not None
    assert found.roi.p50 == Decimal("-90.0")
    assert found.payback.p50 is None
    assert found.chance_of_loss == 1


def test_the_same_metric_claimed_twice_is_counted_once() -> None:
    claim = ", metric: upsell_rate"
    one, both = drawn(lines(line("a", more=claim))), drawn(lines(line("a", more=claim), line("b", more=claim)))
    assert both.benefit.p50 == one.benefit.p50 == 1000
    assert any("counted once" in note for note in both.not_counted)


def test_a_joint_effect_takes_the_whole_claim() -> None:
    claim = ", metric: upsell_rate"
    found = drawn(lines(line("holdout", more=claim + ", joint: true"), line("part", more=claim)))
    assert {each.key: each.total.p50 for each in found.lines} == {"holdout": 1000, "part": 0}


def test_an_escalation_that_was_avoided_has_no_handling_left_to_shorten() -> None:
    shorter = line("handling", more=", metric: resolution_time, realisation: 1")
    alone = drawn(lines(shorter))
    beside = drawn(lines(shorter, line("escalations", more=", metric: escalation_rate")))
    assert alone.benefit.p50 == 1000
    assert {each.key: each.total.p50 for each in beside.lines}["handling"] == 900


def test_cohorts_and_a_flat_rate_of_the_same_revenue_are_refused() -> None:
    text = lines(
        line("cohorts", more=", metric: upsell_rate, churn: 5%"), line("flat", more=", metric: upsell_rate"), months=3
    )
    with pytest.raises(BadDocument, match="keep one of them"):
        model_of(text)


def test_another_line_does_not_change_the_draws_of_the_first() -> None:
    spread = ("10%", "2%", "18%")
    alone = drawn(lines(line("a", effect=spread)))
    beside = drawn(lines(line("a", effect=spread), line("b", effect=spread)))
    assert alone.lines[0].total == beside.lines[0].total


def test_what_one_assumption_moves_is_in_the_tornado() -> None:
    found = drawn("""
        months: 1
        assumptions:
          share: {low: 30%, mode: 60%, high: 90%, unit: share, owner: product, source: guess}
        benefits: [{key: quality, grade: A, unit_value: 1000, attribution: share}]
    """)
    (swing,) = found.tornado
    assert swing.key == "share"
    assert swing.net_at_low < 600 < swing.net_at_high
