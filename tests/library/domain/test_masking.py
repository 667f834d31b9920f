from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.library.domain.masking import mask_conversation


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("Hi Ana, your parcel is here.", "Hi [NAME], your parcel is here."),
        ("Dear Mr. Tom Müller, we are sorry.", "Dear Mr. [NAME], we are sorry."),
        ("Thank you, Zoë-Marie!", "Thank you, [NAME]!"),
        ("Done.\n\nBest regards,\nMaya", "Done.\n\nBest regards,\n[NAME]"),
        ("Hello there, how are you?", "Hello there, how are you?"),
        ("Hello Everyone, how are you?", "Hello Everyone, how are you?"),
        ("Thanks for the Gold plan.", "Thanks for the Gold plan."),
        ("Write to ana@mail.example.", "Write to [EMAIL]."),
    ],
)
def test_names_are_masked_where_people_say_them(said: str, masked: str) -> None:
    assert mask_conversation([said], {}) == [masked]


def test_a_name_found_once_is_masked_in_the_whole_conversation() -> None:
    said = [
        "My name is Ana Lopez, and my order is late.",
        "I see, Ana. The order of Lopez went out; it is Ana's for sure, no banana.",
    ]

    assert mask_conversation(said, {}) == [
        "My name is [NAME], and my order is late.",
        "I see, [NAME]. The order of [NAME] went out; it is [NAME]'s for sure, no banana.",
    ]


def test_a_name_that_metadata_tells_is_masked() -> None:
    assert mask_conversation(["Ben asked for it: Ben, Ben."], {"customer_name": "Ben Ode"}) == [
        "[NAME] asked for it: [NAME], [NAME]."
    ]


def test_what_a_name_is_made_of_is_no_pattern() -> None:
    assert mask_conversation(["A(b and A(b)"], {"name": "A(b"}) == ["[NAME] and [NAME])"]


@given(st.lists(st.text(max_size=60), max_size=4), st.text(max_size=20))
def test_there_are_as_many_texts_afterwards_and_masking_again_changes_nothing(texts: list[str], name: str) -> None:
    once = mask_conversation(texts, {"name": name})

    assert len(once) == len(texts)
    assert mask_conversation(once, {"name": name}) == once
