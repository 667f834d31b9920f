"""The single fields of a model: each reader notes what is wrong, on its line, and goes on with something harmless."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from apps.platform.documents import Fault, Node, Scalar, Section
from apps.reports.domain.roi.figures import read_number
from apps.reports.domain.roi.model import Assumption, Term, Written

LONGEST_HORIZON = 60
MOST_LINES = 200
KEY = re.compile(r"[a-z][a-z0-9_-]{0,59}")
Bounds = tuple[Decimal, Decimal]
SHARE: Bounds = (Decimal(0), Decimal(1))
NOT_NEGATIVE: Bounds = (Decimal(0), Decimal(10) ** 15)
_ZERO, _ONE = SHARE
_Word = TypeVar("_Word", bound=StrEnum)
_Line = TypeVar("_Line")


def has(section: Section, key: str) -> bool:
    """Return whether a key is given."""
    return section.take(key) is not None


def line_of(section: Section) -> int:
    """Return the line a section begins on."""
    return section.node.line if section.node is not None else 1


class Fields:
    """Reads fields, holding the faults found and the assumptions that terms may name."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.assumptions: tuple[Assumption, ...] = ()

    def lines(self, section: Section, key: str, read: Callable[[Section], _Line]) -> tuple[_Line, ...]:
        """Return what is read of each item of a list."""
        nodes = section.items(key) or ()
        if len(nodes) > MOST_LINES:
            section.fault(nodes[MOST_LINES], f"{key}: at most {MOST_LINES}")
        return tuple(read(Section(f"a line of {key}", node, self.faults)) for node in nodes[:MOST_LINES])

    def scalars(self, section: Section, key: str) -> list[Scalar]:
        """Return the single values of a list."""
        nodes = section.items(key) or ()
        for node in nodes:
            if not isinstance(node, Scalar):
                section.fault(node, f"{key} is a list of single values")
        return [node for node in nodes if isinstance(node, Scalar)]

    def key(self, section: Section) -> str:
        """Return a line's key."""
        given = section.scalar("key")
        if given is None or not KEY.fullmatch(given.text):
            line = given.line if given else line_of(section)
            self.faults.append(Fault(line, f"{section.name} needs a key of small letters, digits, _ and -"))
        return given.text if given else ""

    def term(self, section: Section, key: str, default: Decimal | None, *, within: Bounds | None = None) -> Term:
        """Return a number or the key of an assumption whose every value is allowed."""
        given = section.scalar(key)
        if given is not None and read_number(given.text) is None:
            known = {each.key: each for each in self.assumptions}
            if given.text not in known:
                near = get_close_matches(given.text, known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                section.fault(given, f"{key}: {given.text!r} is neither a number nor an assumption{hint}")
                return _ONE
            for value in (known[given.text].low, known[given.text].high):
                _hold(section, given, value, within)
            return given.text
        return self.number(section, key, default, within=within)

    def needed(self, section: Section, key: str) -> Decimal:
        """Return a number that has to be there."""
        return self.number(section, key, None)

    def number(self, section: Section, key: str, default: Decimal | None, *, within: Bounds | None = None) -> Decimal:
        """Return a number; ``default`` None: it has to be there."""
        given = section.scalar(key)
        if given is None:
            if default is None:
                self.faults.append(Fault(line_of(section), f"{section.name} needs {key}"))
            return _ONE if default is None else default
        value = read_number(given.text)
        if value is None:
            section.fault(given, f"{key}: {given.text!r} is no number, percentage or amount")
            return _ONE
        _hold(section, given, value, within)
        return value

    def whole(self, section: Section, key: str, default: int, *, least: int = 1, most: int) -> int:
        """Return a whole number of months."""
        given = section.scalar(key)
        if given is None:
            return default
        if not re.fullmatch(r"[0-9]{1,3}", given.text) or not least <= int(given.text) <= most:
            section.fault(given, f"{key} is a whole number of months from {least} to {most}")
            return max(default, least)
        return int(given.text)

    def optional(self, section: Section, key: str) -> int | None:
        """Return a month, None where none is given."""
        return self.whole(section, key, 1, most=LONGEST_HORIZON) if has(section, key) else None

    def written(self, section: Section, key: str) -> Written:
        """Return a number that has to be there, with its words."""
        given = section.scalar(key)
        if given is None:
            self.faults.append(Fault(line_of(section), f"{section.name} needs {key}"))
            return Written(_ZERO, "")
        return self.as_written(section, given)

    def as_written(self, section: Section, node: Scalar) -> Written:
        """Return a number with its words."""
        value = read_number(node.text)
        if value is None:
            section.fault(node, f"{node.text!r} is no number, percentage or amount")
        return Written(value or _ZERO, node.text)

    def word(self, section: Section, key: str, words: type[_Word], default: _Word | None) -> _Word:
        """Return one of the words; ``default`` None: it has to be there."""
        given = section.scalar(key)
        known = [word.value for word in words]
        if given is not None and given.text in known:
            return words(given.text)
        if given is not None:
            section.fault(given, f"there is no {key} {given.text!r}; there are: {', '.join(known)}")
        elif default is None:
            self.faults.append(Fault(line_of(section), f"{section.name} needs {key}: one of {', '.join(known)}"))
        return default or next(iter(words))

    def choice(self, section: Section, key: str, known: tuple[str, ...]) -> str:
        """Return one of the words, the first where none is given."""
        given = section.scalar(key)
        if given is not None and given.text not in known:
            section.fault(given, f"there is no {key} {given.text!r}; there are: {', '.join(known)}")
        return given.text if given is not None and given.text in known else known[0]

    def flag(self, section: Section, key: str) -> bool:
        """Return true or false, false where neither is given."""
        given = section.scalar(key)
        if given is not None and given.text not in ("true", "false"):
            section.fault(given, f"{key} is true or false")
        return given is not None and given.text == "true"

    def day(self, section: Section, key: str) -> date | None:
        """Return a date."""
        given = section.scalar(key)
        if given is None:
            return None
        try:
            return date.fromisoformat(given.text)
        except ValueError:
            section.fault(given, f"{key} is a date, such as 2026-11-01")
            return None


def _hold(section: Section, node: Node, value: Decimal, within: Bounds | None) -> None:
    if within is None or within[0] <= value <= within[1]:
        return
    hint = " (a share may be written 30%)" if within == SHARE else ""
    section.fault(node, f"{value:,f} is not between {within[0]:,f} and {within[1]:,f}{hint}")
