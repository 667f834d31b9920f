from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.security.agreement import Judged, agreement, kappa


def test_kappa_is_what_cohen_computed() -> None:
    # 20 both yes, 5 and 10 split, 15 both no: agreed .7, by chance .5, kappa .4 (the textbook's table).
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    found = kappa(pairs)

    assert found is not None
    assert found[0] == pytest.approx(0.4)
    assert found[3] == 50
    assert found[1] < 0.4 < found[2]


def test_where_everybody_always_says_the_same_there_is_no_kappa() -> None:
    assert kappa([(True, True)] * 5) is None
    assert kappa([]) is None


def test_people_are_compared_on_what_they_both_judged_and_all_with_the_detector() -> None:
    judged = [
        Judged("a", "ana", True, True), Judged("a", "ben", True, True), Judged("b", "ana", False, True),
        Judged("b", "ben", False, True), Judged("c", "ana", False, False),
    ]  # fmt: skip
    found = agreement(judged)

    assert found["people"]["n"] == 2
    assert found["people"]["kappa"] == 1
    assert found["detector"]["n"] == 5


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_kappa_never_leaves_its_bounds(pairs: list[tuple[bool, bool]]) -> None:
    found = kappa(pairs)

    assert found is None or (-1 <= found[1] <= found[0] + 1e-9 and found[0] <= found[2] + 1e-9 <= 1 + 2e-9)
