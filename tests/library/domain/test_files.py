"""A prompt as a file: what is written is read again, what cannot be one is refused where it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.library.domain.files import PromptFile, read_file, write_file
from apps.library.domain.prompts import BadPrompt

words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60).filter(
    lambda text: text.strip()
)


@given(content=st.lists(words, min_size=1, max_size=5).map("\n".join), description=words, version=st.integers(1, 999))
def test_what_is_written_is_read_again(content: str, description: str, version: int) -> None:
    file = PromptFile(
        "support", "text", content, version, ("production",), description, ("offers",), {"temperature": 0.2}
    )

    assert read_file(write_file(file)) == file


def test_a_text_stands_as_a_block_so_that_lines_diff() -> None:
    assert write_file(PromptFile("support", "text", "Be kind.\nBe brief.\n", 3)) == (
        "name: support\ntype: text\nversion: 3\nprompt: |\n  Be kind.\n  Be brief.\n"
    )


def test_chat_messages_are_kept() -> None:
    file = PromptFile("chat", "chat", [{"role": "system", "content": "Be kind.\nAlways."}])

    assert read_file(write_file(file)) == file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: support\nprompt: [", "line 2"),
        ("name: support\nprompt: Hi\ncolour: red", "unknown key 'colour'"),
        ("name: a b\nprompt: Hi", "A prompt is named by"),
        ("name: support\nprompt: ''", "not empty"),
        ("name: support\nversion: two\nprompt: Hi", "version is the number"),
        ("name: &a support\nprompt: *a", "line 2: aliases"),
        ("name: support\nprompt: !!python/object/apply:os.system ['true']", "line 2"),
        ("- name", "is a mapping"),
    ],
)
def test_what_cannot_be_a_prompt_is_refused_where_it_stands(text: str, said: str) -> None:
    with pytest.raises(BadPrompt, match=said):
        read_file(text)
