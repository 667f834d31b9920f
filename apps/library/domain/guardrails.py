"""What a guardrail says: RE2 rules over one message and limits, checked when written, hashed, compared."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import re2

from apps.library.domain.localrules import is_local
from apps.library.domain.prompts import canonical

Role = Literal["user", "assistant"]
Action = Literal["flag", "block"]

MOST_RULES = 50
LONGEST_PATTERN = 1_000
# RE2's own count of a compiled pattern's instructions: what one character of a message may cost.
_BIGGEST_PROGRAM = 5_000
# Of conversations in which nobody attacked, the share in which something may be blocked; unless a guardrail says less.
MOST_BENIGN_BLOCKED = 0.002
_MOST_EVER = 0.05
REPLY = "I'm sorry, I can't help with that. Is there something about your order or account I can do for you?"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class BadGuardrail(ValueError):
    """What is wrong with a guardrail, and why."""


class GuardrailRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pattern over a user's message or an assistant's reply. It reads folded text: lower case, no invisible signs."""

    id: str
    pattern: str
    on: Role = "user"
    action: Action = "block"


class GuardrailContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one version says.

    ``sanitise`` takes invisible signs out of a message; a message longer than ``longest_input`` is blocked; a reply
    shorter than ``shortest_reply`` is flagged, to be asked for again. ``reply`` is what a blocked user hears.
    ``most_benign_blocked`` is the share of harmless conversations it may block before it is not let, or is taken, live.
    """

    rules: tuple[GuardrailRule, ...] = ()
    sanitise: bool = False
    longest_input: int | None = None
    shortest_reply: int | None = None
    reply: str = REPLY
    most_benign_blocked: float = MOST_BENIGN_BLOCKED


def check_guardrail_name(name: object) -> str:
    """Return the name. Raises BadGuardrail for one that cannot stand in an address."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadGuardrail("A guardrail is named by up to 64 lower-case letters, digits, '_' and '-'.")
    return name


def read_guardrail(document: object) -> GuardrailContent:
    """Return a version's content from its plain form. Raises BadGuardrail naming the rule and what is wrong."""
    try:
        content = msgspec.convert(document, GuardrailContent)
    except msgspec.ValidationError as error:
        raise BadGuardrail(str(error)) from error
    if content == GuardrailContent(reply=content.reply, most_benign_blocked=content.most_benign_blocked):
        raise BadGuardrail("A guardrail has rules, sanitises, or limits lengths; this one does nothing.")
    if len(content.rules) > MOST_RULES:
        raise BadGuardrail(f"A guardrail has at most {MOST_RULES} rules; this one has {len(content.rules)}.")
    if len({rule.id for rule in content.rules}) < len(content.rules):
        raise BadGuardrail("Each rule has an id of its own.")
    for rule in content.rules:
        _check_rule(rule)
    _check_limits(content)
    return content


def _check_rule(rule: GuardrailRule) -> None:
    if not _NAME.fullmatch(rule.id):
        raise BadGuardrail(f"rule {rule.id[:80]!r}: an id is up to 64 lower-case letters, digits, '_' and '-'.")
    if not rule.pattern or len(rule.pattern) > LONGEST_PATTERN or "\x00" in rule.pattern:
        raise BadGuardrail(f"rule {rule.id}: a pattern has 1 to {LONGEST_PATTERN:,} characters and no NUL.")
    try:
        compiled = re2.compile(rule.pattern, pattern_options())
    except re2.error as error:
        raise BadGuardrail(f"rule {rule.id}: RE2 refuses the pattern: {words_of(error)}") from error
    if max(compiled.programsize, compiled.reverseprogramsize) > _BIGGEST_PROGRAM:
        raise BadGuardrail(f"rule {rule.id}: the pattern is too large; make its repetitions smaller.")
    if compiled.search("") is not None:
        raise BadGuardrail(f"rule {rule.id}: the pattern matches every message.")


def _check_limits(content: GuardrailContent) -> None:
    for name, value, most in (
        ("longest_input", content.longest_input, 1_000_000),
        ("shortest_reply", content.shortest_reply, 2_000),
    ):
        if value is not None and not 1 <= value <= most:
            raise BadGuardrail(f"{name} is a whole number of characters, 1 to {most:,}.")
    if not 0 < content.most_benign_blocked <= _MOST_EVER:
        raise BadGuardrail(f"most_benign_blocked is a share above 0, at most {_MOST_EVER:g}.")
    if not content.reply.strip() or len(content.reply) > 1_000 or "\x00" in content.reply:
        raise BadGuardrail("reply is a text of at most 1,000 characters.")


def pattern_options() -> Any:
    """Return how every pattern is compiled: any case, '.' is any sign, silent about errors, bounded memory."""
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = 8 << 20
    return options


def as_document(content: GuardrailContent) -> dict[str, Any]:
    """Return the plain form: what is stored, hashed and served."""
    document: dict[str, Any] = msgspec.to_builtins(content)
    return document


def guardrail_hash(content: GuardrailContent) -> str:
    """Return SHA-256, in hexadecimal, of what a version says."""
    return hashlib.sha256(canonical(as_document(content)).encode()).hexdigest()


def served_form(content: GuardrailContent) -> dict[str, Any]:
    """Return what a client is served: every field, and of each rule whether it may run on Python's own ``re``."""
    return {
        "rules": [
            {**msgspec.to_builtins(rule), "local": is_local(rule.pattern)}
            for rule in content.rules
        ],
        "sanitise": content.sanitise,
        "longest_input": content.longest_input,
        "shortest_reply": content.shortest_reply,
        "reply": content.reply,
    }  # fmt: skip


def merge(documents: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one plain form of several: rules one after the other, of limits the stricter."""
    merged: dict[str, Any] = {}
    for document in documents:
        for name, value in document.items():
            if name == "rules":
                merged["rules"] = [*merged.get("rules", []), *value]
            elif name in merged:
                merged[name] = {"shortest_reply": max, "sanitise": max}.get(name, min)(merged[name], value)
            else:
                merged[name] = value
    return merged


def as_lines(content: GuardrailContent) -> list[str]:
    """Return the content as lines a person compares."""
    lines = [f"{rule.action} {rule.on}  {rule.id}: {rule.pattern}" for rule in content.rules]
    if content.sanitise:
        lines.append("take invisible signs out of messages")
    if content.longest_input is not None:
        lines.append(f"block messages of more than {content.longest_input:,} characters")
    if content.shortest_reply is not None:
        lines.append(f"flag replies of fewer than {content.shortest_reply:,} characters")
    return [
        *lines, f"blocked users hear: {content.reply}",
        f"at most {content.most_benign_blocked:.2%} of harmless conversations blocked",
    ]  # fmt: skip


def difference(before: GuardrailContent | None, after: GuardrailContent) -> list[tuple[str, str]]:
    """Return the lines of a difference as (' ' | '+' | '-', text); everything is new after nothing."""
    old = as_lines(before) if before is not None else []
    found = difflib.ndiff(old, as_lines(after))
    return [(line[0], line[2:]) for line in found if line[0] in " +-"]


def words_of(error: BaseException) -> str:
    """Return RE2's words about a pattern, which come as bytes."""
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
