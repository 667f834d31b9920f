"""Detection rules: data with their own examples, compiled into one RE2 set.

The set answers "which of these match" in one pass over the text; only the rules it names are run to find where.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import msgspec
import re2
import yaml

from apps.evaluations.domain.values import Severity


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of a pack. ``weight`` 1 is enough by itself to call a message an attack; weaker ones add up."""

    id: str
    type: str
    severity: Severity
    pattern: str
    match: tuple[str, ...]
    no_match: tuple[str, ...]
    taxonomy: tuple[str, ...] = ()
    language: str = "en"
    weight: float = 1.0
    version: int = 1

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"


class RuleSet:
    """Rules compiled together. Raises ValueError naming the rule whose pattern RE2 refuses."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._set = re2.Set.SearchSet()
        self._patterns = []
        for rule in self.rules:
            pattern = f"(?i){rule.pattern}"
            try:
                self._patterns.append(re2.compile(pattern))
            except re2.error as error:
                raise ValueError(f"rule {rule.id}: {error}") from error
            self._set.Add(pattern)
        if self.rules:
            self._set.Compile()

    def matching(self, text: str) -> list[tuple[Rule, int, int]]:
        """Return the rules that match, in their order, each with the span of its first match."""
        if not self.rules:
            return []
        found = []
        for index in sorted(self._set.Match(text) or ()):
            span = self._patterns[index].search(text)
            if span is not None:
                found.append((self.rules[index], span.start(), span.end()))
        return found


@cache
def builtin_rules() -> tuple[Rule, ...]:
    """Return the rules shipped with the product, from every pack."""
    found: list[Rule] = []
    for pack in sorted(resources.files(__package__).joinpath("packs").iterdir(), key=lambda path: path.name):
        if pack.name.endswith(".yaml"):
            found += msgspec.convert(yaml.safe_load(pack.read_text("utf-8")), list[Rule])
    return tuple(found)
