"""Threat patterns: rules an organization writes, or lets be proposed, checked before any of its traffic meets them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import re2

from apps.evaluations.domain.security.kinds import ATTACKS, SEVERITIES, TAXONOMY
from apps.evaluations.domain.security.readings import fold
from apps.evaluations.domain.security.rulepack import Rule, RuleSet, builtin_rules
from apps.evaluations.domain.values import Severity

LONGEST = 2_000
# The share of harmless messages a pattern may match unless it says less, and the most it may ask for.
BENIGN_LIMIT, HIGHEST_BENIGN_LIMIT = 0.001, 0.01
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\Z")
# A pattern that needs more than this to compile is no pattern of an attack.
_MEMORY = 4 << 20


class BadPattern(ValueError):
    """What was sent cannot be a threat pattern; the message says why."""


class Threat(msgspec.Struct, frozen=True):
    """A checked threat pattern. ``pattern`` is as it is written, ``rule`` reads folded text with it."""

    name: str
    pattern: str
    type: str
    severity: Severity
    benign_limit: float = BENIGN_LIMIT

    def rule(self, version: int = 1) -> Rule:
        """Return the detection rule: enough by itself, as the built-in ones are."""
        return Rule(
            id=self.name,
            version=version,
            type=self.type,
            severity=self.severity,
            pattern=_folded(self.pattern),
            taxonomy=TAXONOMY[self.type],
            language="mul",
        )


def check_threat(
    *, name: object, pattern: object, kind: object, severity: object, benign_limit: object = BENIGN_LIMIT
) -> Threat:
    """Return a threat pattern that can be run on any message in linear time. Raises BadPattern."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise BadPattern("name is up to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or a digit.")
    if not isinstance(pattern, str) or not pattern.strip() or "\x00" in pattern:
        raise BadPattern("pattern is a regular expression in RE2's syntax.")
    if len(pattern) > LONGEST:
        raise BadPattern(f"pattern has at most {LONGEST:,} characters.")
    if kind not in ATTACKS or not isinstance(kind, str):
        raise BadPattern(f"type is one of {', '.join(sorted(ATTACKS))}.")
    severe = next((known for known in SEVERITIES if known == severity), None)
    if severe is None:
        raise BadPattern(f"severity is one of {', '.join(SEVERITIES)}.")
    limit = benign_limit
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= HIGHEST_BENIGN_LIMIT:
        raise BadPattern(f"benign_limit is a share from 0 to {HIGHEST_BENIGN_LIMIT}.")
    threat = Threat(name, pattern, kind, severe, float(limit))
    _compile(threat.rule().pattern)
    return threat


def matched(rule: Rule, texts: Sequence[str]) -> list[bool]:
    """Return for each of these messages whether a rule matches it."""
    rules = RuleSet([rule])
    return [bool(rules.matching(fold(text))) for text in texts]


def harmless_examples() -> list[str]:
    """Return the harmless messages shipped with the built-in rules: what a pattern meets where no traffic is yet."""
    return [text for rule in builtin_rules() if rule.type in ATTACKS for text in rule.must_not_match]


def _compile(pattern: str) -> None:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = _MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise BadPattern(f"RE2 cannot run this pattern: {reason}.") from error
    if compiled.search("") is not None:
        raise BadPattern("This pattern matches the empty text, and so every message.")


def _folded(pattern: str) -> str:
    # Rules read text without accents. What is ASCII is syntax as well and stays as it is.
    return "".join(sign if sign.isascii() else re.escape(fold(sign)) for sign in pattern)
