from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.shares import most_of_one_user
from apps.library.domain.examples import LONGEST_EXAMPLE, to_example


def test_an_example_begins_with_what_was_told_and_ends_with_the_reply() -> None:
    roles = ["assistant", "system", "user", "user", "assistant", "user"]
    texts = ["Welcome!", "Be kind.", "My bill", "is wrong", "I look into it.", "still there?"]

    assert to_example(roles, texts) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "My bill\n\nis wrong"},
        {"role": "assistant", "content": "I look into it."},
    ]


def test_what_teaches_nothing_is_no_example() -> None:
    assert to_example([], []) is None
    assert to_example(["user"], ["hello"]) is None
    assert to_example(["assistant", "user"], ["hello", "hi"]) is None
    assert to_example(["user", "assistant"], ["hello", "  "]) is None
    assert to_example(["user", "tool", "assistant"], ["weather?", "rain", "It rains."]) is None
    assert to_example(["user", "assistant"], ["hello", "x" * LONGEST_EXAMPLE]) is None


def test_one_user_gives_three_or_one_in_a_hundred() -> None:
    assert [most_of_one_user(items) for items in (0, 10, 399, 400, 10_000)] == [3, 3, 3, 4, 100]


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(max_size=5)), max_size=12))
def test_sides_take_turns_and_no_word_is_made_up(said: list[tuple[str, str]]) -> None:
    example = to_example([role for role, _ in said], [text for _, text in said])

    turns = [turn["role"] for turn in example or [] if turn["role"] != "system"]
    assert turns == ["user", "assistant"] * (len(turns) // 2)
    spoken = {text.strip() for _, text in said}
    assert {turn["content"] for turn in example or [] if "\n\n" not in turn["content"]} <= spoken
