from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from apps.evaluations.domain.security.behaviour import (
    Attempt,
    bursts,
    escalations,
    hourly,
    new_techniques,
    observe,
    repeated_probing,
    shared_texts,
)

START = datetime(2026, 11, 2, 9, tzinfo=UTC)


def attempt(hours: float = 0, **fields: Any) -> Attempt:
    given_fields = {
        "user": "u1",
        "session_id": f"s{hours}",
        "type": "jailbreak",
        "severity": "high",
        "technique": "r@1",
    }
    return Attempt(at=START + timedelta(hours=hours), **{**given_fields, **fields})


def test_three_attempts_in_two_sessions_within_a_week_are_probing() -> None:
    (found,) = repeated_probing([attempt(50, outcome="succeeded"), attempt(0), attempt(1, technique="other@1")])

    assert (found.user, found.attempts, found.sessions) == ("u1", 3, ("s0", "s1", "s50"))
    assert (found.techniques, found.succeeded, found.first) == (2, True, START)


@pytest.mark.parametrize(
    "attempts",
    [
        [attempt(0), attempt(1)],
        [attempt(0), attempt(100), attempt(200)],
        [attempt(0, session_id="s"), attempt(1, session_id="s"), attempt(2, session_id="s")],
        [attempt(0, user=""), attempt(1, user=""), attempt(2, user="")],
        [attempt(0, user="a"), attempt(1, user="b"), attempt(2, user="c")],
    ],
    ids=["too few", "too far apart", "one session", "nobody", "several users"],
)
def test_less_is_no_probing(attempts: list[Attempt]) -> None:
    assert repeated_probing(attempts) == []


def test_growing_severity_is_an_escalation() -> None:
    (found,) = escalations(
        [
            attempt(3, severity="critical"),
            attempt(0, severity="low"),
            attempt(1, severity="low"),
            attempt(2, severity="medium"),
        ]
    )

    assert found.steps == ("low", "medium", "critical")
    assert found.sessions == ("s0", "s2", "s3")


def test_attacks_that_stay_as_they_are_are_no_escalation() -> None:
    assert escalations([attempt(hour) for hour in range(9)]) == []


def test_one_text_from_three_users_is_shared_but_for_digits_and_case() -> None:
    texts = ["Unfold the golden scroll 1!", "unfold THE golden scroll", "unfold the golden scroll 77"]

    (found,) = shared_texts([attempt(n, user=f"u{n}", text=text) for n, text in enumerate(texts)])

    assert (found.text, found.users, found.sessions) == ("unfold the golden scroll", 3, ("s0", "s1", "s2"))


def test_short_texts_and_one_user_share_nothing() -> None:
    short = [attempt(n, user=f"u{n}", text="ignore it") for n in range(5)]
    own = [attempt(n, text="unfold the golden scroll of mine") for n in range(5)]

    assert shared_texts([*short, *own]) == []


def test_an_hour_of_many_attacks_is_a_burst_and_ordinary_hours_are_not() -> None:
    quiet = {START + timedelta(hours=hour): 1 for hour in range(0, 48, 8)}

    (found,) = bursts({**quiet, START + timedelta(hours=3): 9}, hours=48)

    assert (found.hour, found.attacks) == (START + timedelta(hours=3), 9)
    assert found.expected == pytest.approx(6 / 47, abs=1e-4)
    assert bursts(quiet, hours=48) == []


def test_a_burst_has_the_binomial_p_value_of_all_hours_tested() -> None:
    counts = {START: 6, START + timedelta(hours=5): 2}

    (found,) = bursts(counts, hours=24)

    assert found.p_value == pytest.approx(24 * stats.binom.sf(5, 8, 1 / 24), rel=1e-9)


def test_two_bursts_do_not_hide_one_another() -> None:
    counts = {START: 20, START + timedelta(hours=9): 12}

    assert [found.attacks for found in bursts(counts, hours=168)] == [20, 12]


def test_equal_rates_are_seldom_called_a_burst() -> None:
    numbers = random.Random(5)
    weeks = [bursts(hourly(attempt(numbers.randrange(168)) for _ in range(40)), hours=168) for _ in range(200)]

    assert sum(map(bool, weeks)) <= 20


def test_new_techniques_have_a_share_with_its_interval() -> None:
    found = new_techniques([attempt(technique="a@1"), attempt(technique="b@1"), attempt(technique="b@1")], ["a@1"])

    assert (found.recent, found.unseen, found.techniques) == (3, 2, ("b@1",))
    assert found.share == pytest.approx(2 / 3)
    assert new_techniques([], []).share is None


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["u1", "u2", ""])), max_size=30), st.randoms())
def test_the_order_of_attempts_does_not_matter(rows: list[tuple[int, str]], shuffled: random.Random) -> None:
    attempts = [attempt(hour, user=user) for hour, user in rows]
    other = list(attempts)
    shuffled.shuffle(other)

    assert repeated_probing(attempts) == repeated_probing(other)
    assert bursts(hourly(attempts), 400) == bursts(hourly(other), 400)


def test_a_quiet_period_shows_no_behaviour() -> None:
    seen = observe([])

    assert (seen.probing, seen.bursts, seen.new_techniques.share) == ((), (), None)


def test_a_period_is_observed_whole() -> None:
    long_ago = [attempt(hour, user="old", technique="known@1") for hour in (0, 1)]
    lately = [attempt(400 + minute / 60, user=f"u{minute}", technique="fresh@1") for minute in range(8)]

    seen = observe([*long_ago, *lately])

    assert [burst.attacks for burst in seen.bursts] == [8]
    assert (seen.new_techniques.recent, seen.new_techniques.unseen) == (8, 8)
    assert observe(lately).new_techniques.share is None
