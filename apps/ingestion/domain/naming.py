"""Whom a line names, whatever else is wrong with it: what erasing asks of lines that were rejected."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any, NamedTuple

import msgspec
import re2

_USERS = frozenset({"user", "user_id"})
_SESSIONS = frozenset({"session_id"})
# A line cut short, or no JSON at all, may still name somebody.
_NAMED = re2.compile(r'"(user|user_id|session_id)"\s*:\s*(?:"((?:[^"\\]|\\.)*)|([^\s",}\]]+))')


class Named(NamedTuple):
    """The users and sessions a line names; both empty where nobody can tell."""

    users: frozenset[str]
    sessions: frozenset[str]


def who_is_named(line: bytes) -> Named:
    """Return whom a line names, as its sender wrote it."""
    try:
        found = list(_walk(msgspec.json.decode(line)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = [
            (key, _unescaped(quoted) or bare) for key, quoted, bare in _NAMED.findall(line.decode("utf-8", "replace"))
        ]
    return Named(
        frozenset(value for key, value in found if key in _USERS),
        frozenset(value for key, value in found if key in _SESSIONS),
    )


def without(value: Any, names: Set[str]) -> Any:
    """Return a JSON value without the items of its lists that are one of these names."""
    if isinstance(value, dict):
        return {key: without(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [without(each, names) for each in value if not (isinstance(each, str) and each in names)]
    return value


def _walk(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key in _USERS | _SESSIONS and isinstance(each, str | int):
                yield key, str(each)
            else:
                yield from _walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from _walk(each)


def _unescaped(quoted: str) -> str:
    try:
        return str(msgspec.json.decode(f'"{quoted}"'.encode("utf-8", "replace")))
    except msgspec.DecodeError:
        return quoted
