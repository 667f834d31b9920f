"""Counts with their nouns."""

from apps.platform.wording import counted


def test_one_is_one_and_the_rest_are_many() -> None:
    assert [counted(n, "conversation") for n in (0, 1, 1204)] == [
        "0 conversations",
        "1 conversation",
        "1,204 conversations",
    ]
    assert [counted(n, "push", "pushes") for n in (1, 2)] == ["1 push", "2 pushes"]
