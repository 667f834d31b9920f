"""The checklist of the first weeks is ticked by facts alone."""

from __future__ import annotations

import pytest

from apps.cycles.domain.onboarding import KEYS, tick


def states(**facts: bool) -> dict[str, str]:
    return {item.key: state for _, items in tick(dict.fromkeys(KEYS, False) | facts) for item, state in items}


def test_the_first_thing_undone_is_what_comes_now() -> None:
    assert states()["key"] == "now"
    told = states(key=True, analyzed=True)
    assert (told["key"], told["captured"], told["analyzed"], told["profile"]) == ("done", "now", "done", "")


def test_with_everything_done_nothing_is_now() -> None:
    assert set(states(**dict.fromkeys(KEYS, True)).values()) == {"done"}


def test_a_forgotten_fact_is_noticed() -> None:
    with pytest.raises(KeyError):
        tick({"key": True})
