from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain import distinct, histograms
from apps.evaluations.domain import tally as module
from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.moments import Gathering, Moments
from apps.evaluations.domain.tally import MONEY, FactorTally, Tally, merge_all, tally
from tests.evaluations.domain.made import fact, facts


def test_a_tally_counts_what_the_facts_say() -> None:
    found = tally(
        [
            fact(upsell="confirmed", upsell_value=Decimal("19.99"), value=Decimal("19.99"), offers=2, agent="a"),
            fact(upsell="declined", offers=1, factors=("price_anchoring",), agent="a", day=date(2026, 11, 8)),
            fact(quality_score=6.2, patterns=("generic_responses",), escalation_done=True, pattern_turns={"x": 1}),
        ]
    )

    assert (found.conversations, found.messages, found.days) == (3, 18, 7)
    assert found.upsells == {"confirmed": 1, "declined": 1, "none": 1}
    assert (found.offers, found.offered) == (3, 2)
    assert found.upsell_value == Moments(1, 199_900, 199_900**2)
    assert found.factors == {"price_anchoring": FactorTally(1, 0)}
    assert found.settled == FactorTally(2, 1)
    assert found.score == Moments(1, 6200, 6200**2)
    assert (found.unscored, found.pattern_escalated) == (2, {"generic_responses": 1})
    assert (found.agents["a"].offered, found.agents["a"].confirmed, found.agents["a"].value) == (2, 1, 199_900)


@given(st.lists(facts, max_size=8), st.lists(facts, max_size=8))
def test_merging_two_tallies_is_the_tally_of_both(left: list[Fact], right: list[Fact]) -> None:
    assert tally(left).merge(tally(right)) == tally(left + right)
    assert tally(right).merge(tally(left)) == tally(left + right)


@given(st.lists(facts, max_size=12), st.randoms())
def test_the_order_of_facts_does_not_matter(some: list[Fact], random: object) -> None:
    mixed = list(some)
    random.shuffle(mixed)  # type: ignore[attr-defined]

    assert msgspec.json.encode(tally(mixed)) == msgspec.json.encode(tally(some))


@given(st.lists(facts, max_size=6))
def test_a_tally_survives_the_database(some: list[Fact]) -> None:
    stored = json.loads(json.dumps(msgspec.to_builtins(tally(some))))

    assert msgspec.convert(stored, Tally) == tally(some)


def test_an_empty_tally_changes_nothing() -> None:
    some = tally([fact(agent="a"), fact(csat=4.0)])

    assert tally([]) == Tally()
    assert some.merge(Tally()) == some == Tally().merge(some)


@given(st.lists(st.sampled_from([f"agent_{n}" for n in range(12)]), max_size=40), st.integers(0, 40))
def test_agents_beyond_the_bound_are_sampled_alike_however_they_are_merged(agents: list[str], cut: int) -> None:
    some = [fact(agent=agent) for agent in agents]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_AGENTS", 5)

        merged = tally(some[:cut]).merge(tally(some[cut:]))

        assert merged == tally(some)
        assert len(merged.agents) <= 5


@given(st.lists(st.floats(1, 10**9), min_size=1, max_size=60), st.sampled_from([0.0, 0.5, 0.9, 0.95, 1.0]))
def test_a_quantile_is_within_two_percent_of_the_order_statistic(times: list[float], q: float) -> None:
    exact = sorted(times)[int(q * (len(times) - 1))]

    assert histograms.quantile(histograms.count(times), q) == pytest.approx(exact, rel=0.0201)


def test_no_times_have_no_quantile() -> None:
    assert histograms.quantile({}, 0.5) is None


def test_users_are_counted_once_and_exactly_while_they_are_few() -> None:
    both = distinct.merge(distinct.sketch(["a", "b", ""]), distinct.sketch(["b", "c"]))

    assert distinct.estimate(both) == (3, 3, 3)


@given(st.lists(st.lists(st.sampled_from([f"user {n}" for n in range(30)]), max_size=6), max_size=12))
def test_users_of_many_days_are_those_of_one_great_day(days: list[list[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distinct, "K", 3)

        merged = merge_all(tally([fact(unit_hash=user) for user in users]) for users in days)

        assert merged.users == distinct.sketch(user for users in days for user in users)


def test_many_users_are_estimated_with_an_interval() -> None:
    value, low, high = distinct.estimate(distinct.sketch(f"user {n}" for n in range(5000)))

    assert low <= 5000 <= high
    assert abs(value - 5000) < 1250


def test_moments_give_the_textbook_mean_and_variance() -> None:
    gathering = Gathering(MONEY)
    for value in (Decimal("1.5"), Decimal("2.5"), Decimal("5")):
        gathering.add(value)

    assert gathering.done().mean(MONEY) == pytest.approx(3.0)
    assert gathering.done().variance(MONEY) == pytest.approx(3.25)
    assert Moments().mean(1) is None
    assert Moments(1, 5, 25).variance(1) is None
