from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.demo.features import feature_names
from apps.demo.truth import WORLDS, World, truth_table

TABLE = truth_table()
SUPPORT_V2 = {"minimum_length", "steps", "context_questions"}
OFFER_V2 = {"personalization", "usage_figures"}


@pytest.mark.parametrize(
    ("measure", "features", "before", "after"),
    [
        ("block", {"injection_resistance"}, 0.52, 0.93),
        ("escalation", SUPPORT_V2, 0.23, 0.12),
        ("short_reply", SUPPORT_V2, 0.10, 0.033),
        ("upsell", OFFER_V2, 0.23, 0.34),
        ("escalation", {"warm_greeting"}, 0.23, 0.23),
        ("escalation", {"terse_answers"}, 0.23, 0.29),
    ],
)
def test_the_helpful_world_has_the_effects_the_demo_promises(
    measure: str, features: set[str], before: float, after: float
) -> None:
    assert TABLE.probability(measure, "helpful", ()) == pytest.approx(before)
    assert TABLE.probability(measure, "helpful", features) == pytest.approx(after)


@pytest.mark.parametrize("measure", ["block", "escalation", "short_reply", "upsell"])
def test_in_the_null_world_no_prompt_changes_anything_that_counts(measure: str) -> None:
    assert TABLE.probability(measure, "null", feature_names()) == TABLE.baseline[measure]


@pytest.mark.parametrize(
    ("measure", "features", "sign"),
    [
        ("escalation", SUPPORT_V2, 1),
        ("escalation", {"injection_resistance"}, 1),
        ("escalation", {"terse_answers"}, 1),
        ("upsell", OFFER_V2, -1),
    ],
)
def test_in_the_harmful_world_every_change_makes_it_worse(measure: str, features: set[str], sign: int) -> None:
    change = TABLE.probability(measure, "harmful", features) - TABLE.baseline[measure]

    assert change * sign >= 0.06 - 1e-9


def test_every_effect_names_a_known_feature_and_measure() -> None:
    for effects in TABLE.worlds.values():
        assert set(effects) <= set(feature_names())
        assert {measure for changes in effects.values() for measure in changes} <= set(TABLE.baseline)


def test_the_agents_skills_cancel_out() -> None:
    assert sum(TABLE.agents.values()) == pytest.approx(0)


def test_attacks_are_scheduled_by_week_and_scaled_with_it() -> None:
    assert [TABLE.attacks_in(week, 10_000) for week in (1, 2, 3, 4)] == [23, 27, 27, 27]
    assert TABLE.attacks_in(1, 1_000) == 2
    assert TABLE.attacks_in(1, 10) == 1


@given(
    st.sampled_from(sorted(TABLE.baseline)), st.sampled_from(WORLDS), st.sets(st.sampled_from(sorted(feature_names())))
)
def test_a_probability_stays_one(measure: str, world: World, features: set[str]) -> None:
    assert 0 < TABLE.probability(measure, world, features) < 1
