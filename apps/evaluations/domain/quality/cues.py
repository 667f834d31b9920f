"""The phrases that carry meaning (cues.yaml), per side of the conversation: one RE2 set a side, one pass a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import re2
import yaml

# Enough for the set to stay a DFA; with RE2's default of 8 MB it falls back to a slower search.
_MEMORY = 64 << 20


class CueSet:
    """The cues of one side, compiled together: ``find`` says which occur, ``locate`` says where one occurs."""

    def __init__(self, cues: Mapping[str, Sequence[str]]) -> None:
        """Raises re2.error when a pattern is not RE2."""
        options = re2.Options()
        options.max_mem = _MEMORY
        self._names: list[str] = []
        self._patterns: dict[str, str] = {}
        self._set = re2.Set.SearchSet(options)
        for name, patterns in cues.items():
            joined = "(?im)" + "|".join(f"(?:{pattern})" for pattern in patterns)
            self._patterns[name] = joined
            self._names.append(name)
            self._set.Add(joined)
        self._set.Compile()

    def find(self, text: str) -> frozenset[str]:
        """Return the names of the cues that occur in a text."""
        return frozenset(self._names[index] for index in self._set.Match(text) or ())

    def locate(self, name: str, text: str) -> tuple[int, int]:
        """Return the (start, end) of the first occurrence of a cue, (0, 0) when there is none."""
        found = _compile(self._patterns[name]).search(text)
        return (found.start(), found.end()) if found else (0, 0)


@cache
def _compile(pattern: str) -> Any:
    return re2.compile(pattern)


@cache
def load_cues() -> dict[str, dict[str, list[str]]]:
    """Return side → cue → patterns, as shipped in cues.yaml."""
    raw = yaml.safe_load(resources.files(__package__).joinpath("cues.yaml").read_text("utf-8"))
    words: dict[str, str] = raw.pop("words")

    def fill(pattern: str) -> str:
        for name, alternatives in words.items():
            pattern = pattern.replace(f"{{{name}}}", alternatives)
        return pattern

    return {side: {cue: [fill(p) for p in patterns] for cue, patterns in cues.items()} for side, cues in raw.items()}


@cache
def user_cues() -> CueSet:
    """Return the cues of user messages, compiled once in a process."""
    return CueSet(load_cues()["user"])


@cache
def assistant_cues() -> CueSet:
    """Return the cues of assistant messages, compiled once in a process."""
    return CueSet(load_cues()["assistant"])
