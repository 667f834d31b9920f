"""A YAML document read as data with its lines, so that what is wrong with it can be said where it stands.

No tags, no anchors, no aliases: nothing in a document is ever constructed, and nothing small unfolds into something
large. JSON is a subset, and reads the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import yaml

LONGEST = 64 * 1024
DEEPEST = 12


@dataclass(frozen=True, order=True)
class Fault:
    """Something wrong on a line, counted from 1."""

    line: int
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.detail}"


class BadDocument(ValueError):
    """The document cannot be used; ``faults`` are in order of their lines, at least one."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))


@dataclass(frozen=True)
class Scalar:
    """A word, number or sentence as written. ``quoted`` ones are text whatever they look like."""

    text: str
    line: int
    quoted: bool


@dataclass(frozen=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True)
class Mapping:
    """Keys in the order written, each with its own line."""

    entries: tuple[tuple[str, int, Node], ...]
    line: int


Node = Scalar | Sequence | Mapping


def read_document(text: str) -> Node:
    """Return the one document in the text. Raises BadDocument."""
    if len(text) > LONGEST:
        raise BadDocument([Fault(1, f"a document has at most {LONGEST // 1024} KiB")])
    try:
        events = list(_checked(yaml.parse(text, Loader=yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadDocument([Fault(mark.line + 1 if mark else 1, f"not YAML: {error.problem}")]) from error
    except yaml.YAMLError as error:
        raise BadDocument([Fault(1, f"not YAML: {str(error).splitlines()[0]}")]) from error
    if not events:
        return Mapping((), 1)
    return _Builder(events).build()


def _checked(events: Any) -> Iterator[Any]:
    depth = documents = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise BadDocument([Fault(line, "one document, not several")])
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BadDocument([Fault(line, "anchors and aliases (& and *) are not allowed")])
        if getattr(event, "tag", None) not in (None, "!"):
            raise BadDocument([Fault(line, f"tags ({event.tag}) are not allowed")])
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise BadDocument([Fault(line, "nested too deeply")])
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent | yaml.CollectionEndEvent):
            yield event


class _Builder:
    """Makes nodes of events. Recursion is bounded by DEEPEST."""

    def __init__(self, events: list[Any]) -> None:
        self._events = events
        self._place = 0

    def build(self) -> Node:
        event = self._next()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, line, event.style in ("'", '"', "|", ">"))
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(self._events[self._place], yaml.SequenceEndEvent):
                items.append(self.build())
            self._place += 1
            return Sequence(tuple(items), line)
        return self._mapping(line)

    def _mapping(self, line: int) -> Mapping:
        entries: list[tuple[str, int, Node]] = []
        while not isinstance(self._events[self._place], yaml.MappingEndEvent):
            key = self._next()
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarEvent):
                raise BadDocument([Fault(at, "a key is a word")])
            if any(key.value == name for name, _, _ in entries):
                raise BadDocument([Fault(at, f"{key.value!r} is given twice")])
            entries.append((key.value, at, self.build()))
        self._place += 1
        return Mapping(tuple(entries), line)

    def _next(self) -> Any:
        event = self._events[self._place]
        self._place += 1
        return event


@dataclass
class Section:
    """The keys of one mapping, taken one by one; ``close`` says which nobody wanted. Faults are collected."""

    name: str
    node: Node | None
    faults: list[Fault]
    _known: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if isinstance(self.node, Scalar) and self.node.text in ("", "~", "null") and not self.node.quoted:
            self.node = None
        if self.node is not None and not isinstance(self.node, Mapping):
            self.fault(self.node, f"{self.name} has keys of its own, not a single value")
            self.node = None

    def take(self, key: str) -> Node | None:
        """Return the value of a key, None where it is not given."""
        self._known.append(key)
        entries = self.node.entries if isinstance(self.node, Mapping) else ()
        return next((value for name, _, value in entries if name == key), None)

    def section(self, key: str) -> Section:
        """Return the mapping under a key."""
        return Section(key, self.take(key), self.faults)

    def items(self, key: str) -> tuple[Node, ...] | None:
        """Return the items of the list under a key, None where it is not given."""
        value = self.take(key)
        if value is None or isinstance(value, Sequence):
            return None if value is None else value.items
        self.fault(value, f"{key} is a list")
        return None

    def scalar(self, key: str) -> Scalar | None:
        """Return the single value under a key, None where it is not given."""
        value = self.take(key)
        if value is None or isinstance(value, Scalar):
            return value
        self.fault(value, f"{key} is a single value")
        return None

    def fault(self, node: Node, detail: str) -> None:
        """Note that something is wrong there."""
        self.faults.append(Fault(node.line, detail))

    def close(self) -> None:
        """Note every key that was not taken."""
        for name, line, _ in self.node.entries if isinstance(self.node, Mapping) else ():
            if name not in self._known:
                near = get_close_matches(name, self._known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(self._known)}"
                self.faults.append(Fault(line, f"{self.name} has no key {name!r}{hint}"))
