"""Checks an organization wrote for its own bot: what it is asked in staging, what its reply must and must not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from apps.library.domain.guardrails import pattern_options, words_of

MOST_CHECKS = 50
LONGEST_QUESTION, LONGEST_PATTERN = 2_000, 500
GROUP = "check"
PASSED, FAILED = "passed", "failed"


@dataclass(frozen=True)
class Check:
    """``ask`` is what a user says. The reply must match ``must_match``, must not match ``must_not_match`` (RE2, letters
    of either case) and has at most ``longest`` characters; what is not given asks for nothing."""

    ask: str
    must_match: str = ""
    must_not_match: str = ""
    longest: int | None = None

    def passes(self, reply: str) -> bool:
        """Say whether a reply is as it must be."""
        if self.longest is not None and len(reply) > self.longest:
            return False
        if self.must_match and not _compiled(self.must_match).search(reply):
            return False
        return not (self.must_not_match and _compiled(self.must_not_match).search(reply))


def check_check(check: Check) -> None:
    """Raise ValueError for a check that asks nothing, demands nothing, or whose patterns RE2 does not read."""
    if not check.ask.strip() or len(check.ask) > LONGEST_QUESTION or "\x00" in check.ask:
        raise ValueError(f"ask is what a user says, 1 to {LONGEST_QUESTION:,} characters")
    if not check.must_match and not check.must_not_match and check.longest is None:
        raise ValueError("a check demands something: must_match, must_not_match or longest")
    if check.longest is not None and not 1 <= check.longest <= 100_000:
        raise ValueError("longest is a number of characters, 1 to 100,000")
    for pattern in (check.must_match, check.must_not_match):
        if len(pattern) > LONGEST_PATTERN:
            raise ValueError(f"a pattern has at most {LONGEST_PATTERN} characters")
        try:
            _compiled(pattern)
        except re2.error as error:
            raise ValueError(f"{pattern!r} is no pattern of RE2: {words_of(error)}") from error


def summarize_checks(outcomes: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return how many passed, failed, and are unscored or unanswered, of (what was asked, outcome); who failed."""
    failed = [ask for ask, outcome in outcomes if outcome == FAILED]
    passed = sum(outcome == PASSED for _, outcome in outcomes)
    return {
        "asked": len(outcomes), "passed": passed, "failed": len(failed),
        "unknown": len(outcomes) - passed - len(failed), "failures": [ask[:200] for ask in failed[:10]],
    }  # fmt: skip


def pass_all(checks: Mapping[str, Any] | None) -> bool | None:
    """Say whether every check of a summary passed; None where one is unknown and none failed. True without any."""
    if not checks or not checks["asked"]:
        return True
    if checks["failed"]:
        return False
    return None if checks["unknown"] else True


def _compiled(pattern: str) -> Any:
    return re2.compile(pattern, pattern_options())
