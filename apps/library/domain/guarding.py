"""Guardrails at work: an application's active ones, compiled together, and what they say of one message."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from apps.evaluations.domain.security.readings import Reading, read
from apps.evaluations.domain.security.rulepack import Rule, RuleSet
from apps.library.domain.guardrails import Action, GuardrailContent, Role

Verdict = Literal["allow", "flag", "block"]
_STRENGTH: dict[str, int] = {"allow": 0, "flag": 1, "block": 2}
LONGEST_INPUT, SHORTEST_REPLY = "longest_input", "shortest_reply"
# Fillers, joiners, directions, tags, variation selectors: signs that carry words no person sees.
_INVISIBLE = dict.fromkeys(
    code
    for first, last in (
        (0xAD, 0xAD), (0x115F, 0x1160), (0x180E, 0x180E), (0x200B, 0x200B), (0x200E, 0x200F), (0x202A, 0x202E),
        (0x2060, 0x2064), (0x2066, 0x206F), (0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
        (0xE0000, 0xE007F), (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)  # fmt: skip
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class ActiveGuardrail:
    """A version that is in force."""

    name: str
    version: int
    content_hash: str
    content: GuardrailContent


@dataclass(frozen=True)
class Hit:
    """A rule or limit that spoke. ``span`` counts the message's code points; None for a limit."""

    guardrail: str
    version: int
    rule: str
    action: Action
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Guarded:
    """What guardrails say of a message: the strongest action, every rule that spoke, and the message to go on with."""

    action: Verdict
    hits: tuple[Hit, ...]
    text: str
    reply: str | None = None


class Guard:
    """An application's guardrails, compiled once. ``check`` is a pure function of a message, linear in its length."""

    def __init__(self, guardrails: Sequence[ActiveGuardrail]) -> None:
        self.guardrails = tuple(guardrails)
        self._rules = {role: _Rules(self.guardrails, role) for role in ("user", "assistant")}
        self._sanitises = any(each.content.sanitise for each in self.guardrails)

    def check(self, text: str, role: Role) -> Guarded:
        """Return what the guardrails say of a user's message or an assistant's reply."""
        hits = [*self._limits(text, role), *self._rules[role].hits(text)]
        action: Verdict = max((hit.action for hit in hits), key=_STRENGTH.__getitem__, default="allow")
        by_name = {each.name: each.content.reply for each in self.guardrails}
        blocked = next((hit.guardrail for hit in hits if hit.action == "block"), None)
        shown = sanitise(text) if self._sanitises and role == "user" else text
        return Guarded(action, tuple(hits), shown, by_name[blocked] if blocked is not None else None)

    def _limits(self, text: str, role: Role) -> list[Hit]:
        found = []
        for each in self.guardrails:
            longest, shortest = each.content.longest_input, each.content.shortest_reply
            if role == "user" and longest is not None and len(text) > longest:
                found.append(Hit(each.name, each.version, LONGEST_INPUT, "block"))
            if role == "assistant" and shortest is not None and _length(text) < shortest:
                found.append(Hit(each.name, each.version, SHORTEST_REPLY, "flag"))
        return found


class _Rules:
    """The rules over messages of one role, behind one prefilter."""

    def __init__(self, guardrails: Sequence[ActiveGuardrail], role: str) -> None:
        self._of = [(each, rule) for each in guardrails for rule in each.content.rules if rule.on == role]
        self._set = RuleSet([Rule(rule.id, "guardrail", rule.pattern) for _, rule in self._of]) if self._of else None

    def hits(self, text: str) -> list[Hit]:
        """Return every rule that matches a reading of the text, with where it does."""
        if self._set is None:
            return []
        found: dict[int, tuple[Reading, tuple[int, int]]] = {}
        for reading in read(text):
            for index in self._set.matching(reading.text):
                if index not in found:
                    found[index] = (reading, self._set.find(index, reading.text))
        hits = []
        for index, (reading, span) in sorted(found.items()):
            guardrail, rule = self._of[index]
            hits.append(Hit(guardrail.name, guardrail.version, rule.id, rule.action, reading.locate(*span)))
        return hits


def strongest(*actions: Verdict) -> Verdict:
    """Return the strongest of these actions."""
    return max(actions, key=_STRENGTH.__getitem__, default="allow")


def sanitise(text: str) -> str:
    """Return the text without signs that nobody sees. Joiners stay where a script or an emoji needs them."""
    if text.isascii():
        return text
    bare = text.translate(_INVISIBLE)
    if not any(joiner in bare for joiner in _JOINERS):
        return bare
    kept = [
        char for i, char in enumerate(bare)
        if char not in _JOINERS or (0 < i < len(bare) - 1 and not bare[i - 1].isascii() and not bare[i + 1].isascii())
    ]  # fmt: skip
    return "".join(kept)


def _length(text: str) -> int:
    return len(unicodedata.normalize("NFKC", text).strip())
