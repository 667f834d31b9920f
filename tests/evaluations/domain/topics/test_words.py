from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.topics.words import root, topic_words


def test_what_every_text_says_is_left_out() -> None:
    assert topic_words(["Hello, I'd like a refund for my headphones please", "since Monday"]) == (
        "refund",
        "headphones",
    )


@pytest.mark.parametrize(
    "text",
    [
        "[EMAIL] [PHONE] [REDACTED]", "ana@example.com", "4111 1111 1111 1111", "+49 170 1234567",
        "my password is hunter", "https://example.com/ana/secret", "AKIAABCDEFGHIJKLMNOP", "{{customer_name}}",
    ],
)  # fmt: skip
def test_personal_data_secrets_and_placeholders_are_no_words(text: str) -> None:
    assert set(topic_words([text])) <= {"password"}


def test_scripts_without_spaces_give_pairs_of_signs() -> None:
    assert topic_words(["包裹丢了"]) == ("包裹", "裹丢", "丢了")
    assert topic_words(["возврат денег"]) == ("возврат", "денег")


def test_one_root_for_a_words_forms() -> None:
    assert root("orders") == root("order")
    assert root("посылка") == "посылка"


@given(st.lists(st.text(max_size=300), max_size=5))
def test_any_text_gives_few_short_words(texts: list[str]) -> None:
    words = topic_words(texts)

    assert len(words) <= 200
    assert all(2 <= len(word) <= 30 and not any(sign.isdigit() for sign in word) for word in words)
