from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from apps.insights.domain.evidence import Candidate, choose


def of(*users: str) -> list[Candidate]:
    return [Candidate(place, f"s{place}", user) for place, user in enumerate(users)]


def test_one_user_supplies_three_pieces_at_most() -> None:
    chosen = choose(of(*"aaaaab"), limit=50)

    assert [each.conversation_id for each in chosen] == [0, 1, 2, 5]


def test_of_a_large_set_one_user_supplies_one_percent() -> None:
    chosen = choose(of(*["flood"] * 500, *map(str, range(1000))), limit=1000)

    assert Counter(each.user for each in chosen)["flood"] == 10


def test_leaving_the_user_out_does_not_get_around_it() -> None:
    assert len(choose(of(*[""] * 9), limit=50)) == 3


def test_an_application_that_names_no_users_still_has_evidence() -> None:
    assert len(choose(of(*[""] * 9), limit=50, anonymous_are_one=False)) == 9


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=60), st.integers(1, 40))
def test_no_set_breaks_its_limits_and_order_is_kept(users: list[str], limit: int) -> None:
    chosen = choose(of(*users), limit=limit)

    assert len(chosen) <= limit
    assert all(count <= 3 for count in Counter(each.user for each in chosen).values())
    assert chosen == sorted(chosen, key=lambda each: each.conversation_id)
