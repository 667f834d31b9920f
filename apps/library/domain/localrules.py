"""Which patterns a client may run on Python's own ``re``, which backtracks, without risking its time.

A pattern is local when Python reads it as RE2 does and the work at each place of a message is bounded: no repetition
without an end, none of a group but an optional one, and the ways through all of them multiply to no more than
``MOST_WAYS``. Everything else is checked by POST /guardrails/check, where RE2 is linear whatever the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

MOST_WAYS = 512
_SINGLE = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
_PLACES = (op.AT_BOUNDARY, op.AT_NON_BOUNDARY)


class _NotLocal(Exception):
    pass


def is_local(pattern: str) -> bool:
    """Return whether Python's ``re`` may run this RE2 pattern, with the flags ASCII, IGNORECASE and DOTALL."""
    # Flags and named groups are where the two dialects part; other alphabets are where their classes do.
    if not pattern.isascii() or "(?" in pattern.replace("(?:", ""):
        return False
    try:
        return _ways(_parser.parse(pattern, re.ASCII | re.IGNORECASE | re.DOTALL)) <= MOST_WAYS
    except (re.error, _NotLocal, RecursionError, OverflowError):
        return False


def _ways(items: Iterable[tuple[Any, Any]]) -> int:
    """Return how many ways there are through a sequence, at most; it stops counting beyond the limit."""
    ways = 1
    for code, argument in items:
        ways *= _ways_of(code, argument)
        if ways > MOST_WAYS:
            raise _NotLocal
    return ways


def _ways_of(code: Any, argument: Any) -> int:
    if code in _SINGLE or (code is op.AT and argument in _PLACES):
        return 1
    if code is op.BRANCH:
        return _ways_of_branch(argument[1])
    if code is op.SUBPATTERN:
        return _ways(argument[-1])
    if code in (op.MAX_REPEAT, op.MIN_REPEAT):
        least, most, body = argument
        inner = _ways(body)
        if len(body) == 1 and body[0][0] in _SINGLE and most is not op.MAXREPEAT:
            return int(most) - int(least) + 1
        if most == 1:
            return 1 + inner
    raise _NotLocal


def _ways_of_branch(alternatives: Iterable[Any]) -> int:
    """Return the ways through alternatives: of those that begin with different letters only one can be taken."""
    by_letter: dict[Any, int] = {}
    for alternative in alternatives:
        code, letter = alternative[0] if len(alternative) else (None, None)
        first = letter if code is op.LITERAL else None
        by_letter[first] = by_letter.get(first, 0) + _ways(alternative)
    return by_letter.pop(None, 0) + max(by_letter.values(), default=0)
