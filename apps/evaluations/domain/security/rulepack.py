"""Detection rules: data with their own examples, compiled together in RE2.

A pack is a YAML file with ``defaults`` for its rules, ``words`` (named fragments, used as ``{{name}}``; a fragment
may use those above it) and ``rules``. A text is read in one linear pass, and only rules whose literals it holds run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import msgspec
import re2
import yaml

from apps.evaluations.domain.security.kinds import BENIGN, RULE_TYPES, TAXONOMY
from apps.evaluations.domain.security.readings import fold
from apps.evaluations.domain.values import Severity

_FRAGMENT = re.compile(r"\{\{(\w+)\}\}")
# A pattern that needs more than this to compile would slow every message down.
_MEMORY = 64 << 20


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule. It reads folded text (lower case, no accents), regardless of case.

    ``weight`` 1 is enough by itself to call a message an attack; weaker ones add up; rules of type ``benign`` have a
    negative weight. Of several matching rules of one ``group`` only the heaviest counts.
    """

    id: str
    type: str
    pattern: str
    severity: Severity = "medium"
    must_match: tuple[str, ...] = ()
    must_not_match: tuple[str, ...] = ()
    taxonomy: tuple[str, ...] = ()
    language: str = "en"
    weight: float = 1.0
    version: int = 1
    group: str = ""

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"


class RuleSet:
    """Rules compiled together. Raises ValueError naming the rule whose pattern RE2 refuses."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        options.dot_nl = True
        options.max_mem = _MEMORY
        self._patterns = [_compile(rule, options) for rule in self.rules]
        every = range(len(self.rules))
        # RE2 knows which literals a pattern cannot match without. One pass over the text finds those; the few
        # patterns with none go into a set. (One set of all patterns is 20 times slower: their states multiply.)
        loose = frozenset(_filter(self.rules, every, options).Match("", True) or ()) if self.rules else frozenset[int]()
        self._filtered = [index for index in every if index not in loose]
        self._filter = _filter(self.rules, self._filtered, options) if self._filtered else None
        self._loose = sorted(loose)
        self._set = re2.Set.SearchSet(options)
        for index in self._loose:
            self._set.Add(self.rules[index].pattern)
        if self._loose:
            self._set.Compile()

    def matching(self, text: str) -> list[int]:
        """Return the indexes of the rules that match a folded text, ascending."""
        found: list[int] = []
        if self._filter is not None and (matches := self._filter.Match(text)):
            found += [self._filtered[index] for index in matches]
        if self._loose and (matches := self._set.Match(text)):
            found += [self._loose[index] for index in matches]
        return sorted(found)

    def find(self, index: int, text: str) -> tuple[int, int]:
        """Return the span of one rule's first match; (0, 0) if it does not match."""
        match = self._patterns[index].search(text)
        return (match.start(), match.end()) if match is not None else (0, 0)


def _filter(rules: Sequence[Rule], indexes: Iterable[int], options: Any) -> Any:
    chosen = re2.Filter()
    for index in indexes:
        chosen.Add(rules[index].pattern, options)
    chosen.Compile()
    return chosen


def _compile(rule: Rule, options: Any) -> Any:
    try:
        return re2.compile(rule.pattern, options)
    except re2.error as error:
        raise ValueError(f"rule {rule.id}: {error}") from error


def load_pack(source: str, shared: Mapping[str, str] | None = None) -> tuple[Rule, ...]:
    """Return the rules of one YAML pack. Raises ValueError that names the rule and what is wrong with it."""
    pack = yaml.safe_load(source) or {}
    words = dict(shared or {})
    for name, fragment in (pack.get("words") or {}).items():
        words[name] = _expand(fragment, words, name)
    rules = []
    for raw in pack.get("rules") or ():
        fields = {**(pack.get("defaults") or {}), **raw}
        name = str(fields.get("id", "without id"))
        fields["pattern"] = _expand(str(fields.get("pattern", "")), words, name)
        fields.setdefault("taxonomy", TAXONOMY.get(str(fields.get("type")), ()))
        try:
            rules.append(msgspec.convert(fields, Rule, strict=False))
        except msgspec.ValidationError as error:
            raise ValueError(f"rule {name}: {error}") from error
    return tuple(rules)


def _expand(pattern: str, words: Mapping[str, str], name: str) -> str:
    def fragment(match: re.Match[str]) -> str:
        if match.group(1) not in words:
            raise ValueError(f"rule {name}: there is no fragment named {match.group(1)}")
        return f"(?:{words[match.group(1)]})"

    return _FRAGMENT.sub(fragment, pattern)


@cache
def builtin_rules() -> tuple[Rule, ...]:
    """Return the rules shipped with the product, from every pack in ``rules/``."""
    folder = resources.files(__package__).joinpath("rules")
    words = yaml.safe_load(folder.joinpath("words.yaml").read_text("utf-8"))["words"]
    shared: dict[str, str] = {}
    for name, pattern in words.items():
        shared[name] = _expand(pattern, shared, name)
    found: list[Rule] = []
    for pack in sorted(folder.iterdir(), key=lambda path: path.name):
        if pack.name.endswith(".yaml") and pack.name != "words.yaml":
            found += load_pack(pack.read_text("utf-8"), shared)
    return tuple(found)


def check_rule_pack(rules: Iterable[Rule]) -> list[str]:
    """Compile every rule and run it on its own examples; return what is wrong, in words. Empty means all is well."""
    wrong: list[str] = []
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            wrong.append(f"{rule.id}: the id is used twice")
        seen.add(rule.id)
        if rule.type not in RULE_TYPES:
            wrong.append(f"{rule.id}: unknown type {rule.type}")
        if (rule.weight < 0) != (rule.type == BENIGN):
            wrong.append(f"{rule.id}: only benign rules have a negative weight")
        if not rule.must_match or not rule.must_not_match:
            wrong.append(f"{rule.id}: needs an example that matches and one that does not")
        try:
            alone = RuleSet([rule])
        except ValueError as error:
            wrong.append(str(error))
            continue
        wrong += [f"{rule.id}: does not match {text!r}" for text in rule.must_match if not alone.matching(fold(text))]
        wrong += [f"{rule.id}: matches {text!r}" for text in rule.must_not_match if alone.matching(fold(text))]
    return wrong
