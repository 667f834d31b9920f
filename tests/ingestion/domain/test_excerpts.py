from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ingestion.domain.excerpts import LONGEST, excerpt
from apps.ingestion.domain.redaction import DROPPED, Redactor

MASK = Redactor("mask")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b'{"role":"pirate","message":"mail joe@example.com"}', '{"role":"pirate","message":"mail [EMAIL]"}'),
        (b'{"message":"mail joe\\u0040example.com', '{"message":"mail [EMAIL]'),
        (b'{"user_id": "customer-77", "user":42, "x":1}', '{"user_id": "[USER]", "user":"[USER]", "x":1}'),
        (b'{"\\u0075ser_id":"customer-77"', '{"user_id":"[USER]"'),
        (b'{"user_id":"cut off her', '{"user_id":"[USER]"'),
        (b'{"a":"\xff\x00\\ud800\\u0000"}', '{"a":"����"}'),
    ],
)
def test_an_excerpt_shows_the_line_without_people_and_without_what_a_database_refuses(line: bytes, shown: str) -> None:
    assert excerpt(line, MASK) == shown


def test_what_personal_data_is_cut_by_the_end_of_the_excerpt_was_masked_before() -> None:
    line = b"x" * (LONGEST - 4) + b" joe.long.name@example.com"

    assert "joe" not in excerpt(line, MASK)
    assert excerpt(b'{"m":"joe@example.com"}', Redactor("drop")) == DROPPED


@given(st.binary(max_size=300))
def test_any_line_has_an_excerpt_that_can_be_stored(line: bytes) -> None:
    shown = excerpt(line, MASK)

    assert len(shown) <= LONGEST
    assert "\0" not in shown
    shown.encode()
