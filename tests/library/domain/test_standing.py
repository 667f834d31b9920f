"""Which version was in force when, for whom."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from apps.library.domain.standing import Standing, count_by_version, cuts_of, version_at

START = datetime(2026, 11, 2, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def test_a_version_holds_from_its_beginning_on_and_not_at_its_end() -> None:
    standings = [Standing("shield", 1, None, day(1), day(3)), Standing("shield", 2, None, day(3))]

    told = [version_at(standings, application_id=7, at=day(at)) for at in (0.9, 1, 2.9, 3, 30)]

    assert told == [None, 1, 1, 2, 2]


def test_one_of_the_applications_own_stands_before_one_for_all() -> None:
    standings = [Standing("shield", 2, 7, day(2), day(4)), Standing("shield", 1, None, day(0))]

    told = [(version_at(standings, application_id=of, at=day(3))) for of in (7, 8)]

    assert told == [2, 1]
    assert version_at(standings, application_id=7, at=day(5)) == 1


def test_what_was_said_is_counted_under_the_version_in_force_and_under_none() -> None:
    standings = [Standing("shield", 1, None, day(1), day(3)), Standing("limits", 4, 7, day(2))]
    events = [(7, day(0), "blocked"), (7, day(2), "succeeded"), (8, day(2), "blocked"), (7, day(4), "blocked")]

    counted = count_by_version(standings, Counter(events))

    assert list(counted) == ["limits", "shield"]
    assert counted["shield"] == {1: Counter(succeeded=1, blocked=1), None: Counter(blocked=2)}
    assert counted["limits"] == {4: Counter(succeeded=1, blocked=1), None: Counter(blocked=2)}


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 20), st.sampled_from(["blocked", "succeeded", "unclear"]))))
def test_every_event_is_counted_once_under_each_guardrail(events: list[tuple[int, int, str]]) -> None:
    standings = [Standing("a", 1, None, day(2), day(9)), Standing("a", 2, 1, day(4)), Standing("b", 1, 2, day(3))]

    counted = count_by_version(standings, Counter((of, day(at), word) for of, at, word in events))

    for versions in counted.values():
        assert sum(versions.values(), Counter()) == Counter(word for _, _, word in events)


@given(st.floats(0, 20), st.sampled_from([1, 2, 3]))
def test_nothing_changes_between_two_cuts(at: float, application_id: int) -> None:
    standings = [Standing("a", 1, None, day(2), day(9)), Standing("a", 2, 1, day(4)), Standing("a", 3, 2, day(9))]
    cuts = cuts_of(standings)

    last = max((cut for cut in cuts if cut <= day(at)), default=day(-1))

    assert cuts == [day(2), day(4), day(9)]
    assert version_at(standings, application_id=application_id, at=day(at)) == version_at(
        standings, application_id=application_id, at=last
    )
