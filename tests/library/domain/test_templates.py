from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.library.domain.templates import (
    LONGEST,
    BadTemplate,
    Reply,
    check_reason,
    check_template,
    choose_reply,
    pick_candidates,
    share_out,
)

AT = datetime(2026, 11, 2, tzinfo=UTC)
INVOICE = "Open the invoice page, choose the month, and press download; the file arrives by mail within ten minutes."
PARCEL = "Your parcel left our house this morning; the carrier brings it by noon tomorrow, and you need not be there."


def reply(number: int, text: str = INVOICE, user: str = "", score: float = 9.5) -> Reply:
    return Reply(text, "how?", score, user, number, f"s{number}", AT)


def test_the_longest_good_reply_is_chosen_with_its_question() -> None:
    roles = ["assistant", "user", "assistant", "user", "assistant", "user", "assistant"]
    texts = [INVOICE, "how?", INVOICE, "and then?", f"{PARCEL} Really.", "thanks", "You are welcome."]

    assert choose_reply(roles, texts, set()) == (3, 4)
    assert choose_reply(roles, texts, {4}) == (1, 2)
    assert choose_reply(roles, texts, {2, 4}) is None
    assert choose_reply(["assistant"], [INVOICE], set()) is None
    assert choose_reply(["user", "assistant"], ["how?", "x" * (LONGEST + 1)], set()) is None


def test_replies_alike_are_one_candidate_that_counts_them() -> None:
    later = INVOICE.replace("ten", "five")
    replies = [reply(1, user="a"), reply(2, later, "b", 9.8), reply(3, user="b"), reply(4, PARCEL, "c")]

    invoice, parcel = pick_candidates(replies, [])

    assert (invoice.reply.text, invoice.conversations, invoice.users) == (later, 3, 2)
    assert (parcel.reply.text, parcel.conversations, parcel.users) == (PARCEL, 1, 1)


def test_what_is_known_is_proposed_no_more() -> None:
    (known,) = pick_candidates([reply(1)], [])

    assert pick_candidates([reply(2, INVOICE.replace("ten", "five"))], [known.signature]) == []
    assert [each.reply.text for each in pick_candidates([reply(3, PARCEL)], [known.signature, []])] == [PARCEL]


def test_one_user_gives_three_or_one_in_a_hundred() -> None:
    flood = [reply(number, user="mallory") for number in range(50)]

    assert len(share_out([*flood, reply(99, user="ana")])) == 4
    assert len(share_out([*flood, *(reply(number, user=f"u{number}") for number in range(950))])) == 10 + 950
    # Where nobody is named, nobody can be told apart; where some are, the others are one.
    assert len(share_out([reply(number) for number in range(9)])) == 9
    assert len(share_out([*(reply(number) for number in range(9)), reply(10, user="ana")])) == 4


def test_a_template_is_kept_trimmed_with_each_tag_once() -> None:
    found = check_template(name="  how to \n pay ", text=" Pay.\r\nNow. ", tags=["a", " a ", "", "b  c"])

    assert found == ("how to pay", "Pay.\nNow.", ["a", "b c"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"name": None}, {"name": "x" * 101}, {"name": "a\0"}, {"text": " "}, {"text": 1},
        {"text": "x" * 2001}, {"tags": "a"}, {"tags": [1]}, {"tags": ["x" * 51]}, {"tags": [str(n) for n in range(21)]},
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadTemplate):
        check_template(**{"name": "pay", "text": "Pay.", "tags": []} | wrong)


def test_a_reason_is_needed() -> None:
    assert check_reason(" it \n helps\0 ") == "it helps"
    with pytest.raises(BadTemplate):
        check_reason(" \0")


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from([INVOICE, PARCEL, "x " * 50])), max_size=30))
def test_no_reply_counts_twice(said: list[tuple[str, str]]) -> None:
    replies = [reply(number, text, user) for number, (user, text) in enumerate(said)]

    found = pick_candidates(replies, [])

    assert sum(each.conversations for each in found) == len(share_out(replies))
    assert all(1 <= each.users <= each.conversations for each in found)
