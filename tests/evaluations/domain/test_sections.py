"""A section of the metrics is made of few fields of a tally: without the others it says the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.metrics import SECTIONS, fields_of, metrics
from apps.evaluations.domain.tally import FIELDS, merge_all, tally
from tests.evaluations.domain.made import facts


@pytest.mark.parametrize("section", SECTIONS)
@given(st.lists(facts, max_size=8), st.lists(facts, max_size=8))
def test_a_section_says_the_same_of_its_own_fields(section: str, now: list[Fact], before: list[Fact]) -> None:
    whole, earlier = tally(now), tally(before)
    fields = fields_of((section,))
    parts = [merge_all([each], fields) for each in (whole, earlier)]

    found = metrics(parts[0], previous=parts[1], sections=(section,), users=False)

    assert found == metrics(whole, previous=earlier, sections=(section,), users=False)
    assert merge_all(parts, fields) == merge_all([whole, earlier], fields)


def test_all_sections_need_every_field_and_no_section_knows_the_users() -> None:
    assert fields_of(SECTIONS) == FIELDS
    assert all("users" not in fields_of((section,)) for section in SECTIONS)
    assert "users" not in metrics(tally([]), sections=("quality",), users=False)
