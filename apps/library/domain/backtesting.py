"""What a guardrail would have done to captured conversations: counted one by one, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from apps.evaluations.domain.intervals import wilson
from apps.evaluations.domain.security.kinds import ATTACKS
from apps.evaluations.domain.values import Message
from apps.library.domain.guarding import Guard, Hit

# What one user, who may be out to have a rule switched off, adds to the count of blocked harmless conversations.
MOST_OF_ONE_USER = 3
EXAMPLES = 10
_MOST_USERS = 1_000
_METADATA_RULE = "metadata@"


class Example(msgspec.Struct, frozen=True):
    """Where something harmless would have been blocked: the conversation, the message's digest, the rule and its span.

    No text: that stays with the conversation, and goes with it.
    """

    conversation_id: int
    session_id: str
    digest: str
    role: str
    rule: str
    span: tuple[int, int] = (0, 0)


class RuleTally(msgspec.Struct):
    """What one rule did: attacks it caught, harmless conversations it blocked or flagged."""

    attacks: int = 0
    benign: int = 0


class Tally(msgspec.Struct):
    """The counts so far.

    ``attacks`` are those detected from what users wrote; ``benign`` are assessed conversations without any. A
    conversation that only metadata calls an attack is neither, and one that is not assessed yet is ``unassessed``.
    ``users`` are those who were blocked without attacking, each counted in ``benign_blocked`` ``MOST_OF_ONE_USER``
    times at most; ``benign_blocked_all`` counts without that cap.
    """

    conversations: int = 0
    messages: int = 0
    unassessed: int = 0
    attacks: int = 0
    attacks_caught: int = 0
    benign: int = 0
    benign_blocked: int = 0
    benign_blocked_all: int = 0
    benign_flagged: int = 0
    rules: dict[str, RuleTally] = {}
    users: dict[str, int] = {}
    examples: list[Example] = []

    def add(
        self,
        guard: Guard,
        *,
        conversation_id: int,
        session_id: str,
        user: str,
        messages: Sequence[Message],
        incidents: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        """Add one conversation. ``incidents`` are those of its security analysis; None where there is none yet."""
        self.conversations += 1
        self.messages += len(messages)
        if incidents is None:
            self.unassessed += 1
            return
        attacks = [each for each in incidents if each["type"] in ATTACKS]
        detected = [each for each in attacks if not str(each["rule"]).startswith(_METADATA_RULE)]
        spoken = [
            (index, message, hit)
            for index, message in enumerate(messages)
            if message.role == "user" or message.role == "assistant"
            for hit in guard.check(message.content, message.role).hits
        ]
        if detected:
            self._attacked(detected, spoken)
        elif not attacks:
            self._harmless(conversation_id, session_id, user, spoken)

    def _attacked(self, detected: Sequence[Mapping[str, Any]], spoken: Sequence[tuple[int, Message, Hit]]) -> None:
        self.attacks += len(detected)
        for attack in detected:
            # One blocked before the attack was complete would have stopped it, too.
            by = {
                hit.rule for index, message, hit in spoken
                if hit.action == "block" and message.role == "user" and index <= attack["message_index"]
            }  # fmt: skip
            self.attacks_caught += bool(by)
            for rule in by:
                self._of(rule).attacks += 1

    def _harmless(
        self, conversation_id: int, session_id: str, user: str, spoken: Sequence[tuple[int, Message, Hit]]
    ) -> None:
        self.benign += 1
        for rule in {hit.rule for _, _, hit in spoken}:
            self._of(rule).benign += 1
        blocked = next((each for each in spoken if each[2].action == "block"), None)
        if blocked is None:
            self.benign_flagged += bool(spoken)
            return
        self.benign_blocked_all += 1
        # Who is not named counts by conversation: nobody's share can be told.
        name = user or session_id
        before = self.users.get(name, 0)
        if before >= MOST_OF_ONE_USER:
            return
        self.benign_blocked += 1
        if name in self.users or len(self.users) < _MOST_USERS:
            self.users[name] = before + 1
        if before == 0 and len(self.examples) < EXAMPLES:
            _, message, hit = blocked
            self.examples.append(
                Example(conversation_id, session_id, message.digest, message.role, hit.rule, hit.span or (0, 0))
            )

    def _of(self, rule: str) -> RuleTally:
        return self.rules.setdefault(rule, RuleTally())

    @property
    def catch_interval(self) -> tuple[float, float] | None:
        """Wilson's interval of the share of attacks caught; None without any."""
        return wilson(self.attacks_caught, self.attacks)

    @property
    def block_interval(self) -> tuple[float, float] | None:
        """Wilson's interval of the share of harmless conversations blocked; None without any."""
        return wilson(self.benign_blocked, self.benign)

    def exceeds(self, limit: float) -> bool:
        """Return whether more harmless conversations were blocked than the limit lets be."""
        return self.benign > 0 and self.benign_blocked / self.benign > limit

    def surely_exceeds(self, limit: float) -> bool:
        """Return whether that many would be blocked in the long run, too: the interval lies above the limit."""
        interval = self.block_interval
        return interval is not None and interval[0] > limit

    def in_words(self) -> str:
        """Return the tally in one sentence's worth of words."""
        if not self.attacks and not self.benign:
            return "nothing assessed to try it on"
        caught = f"catches {self.attacks_caught:,} of {self.attacks:,}" if self.attacks else "no attack to catch"
        return f"{caught}, blocks {self.benign_blocked:,} of {self.benign:,} benign"


def read_tally(document: Mapping[str, Any]) -> Tally:
    """Return a tally from its stored form."""
    return msgspec.convert(document, Tally)


def write_tally(tally: Tally) -> dict[str, Any]:
    """Return the form a tally is stored in."""
    document: dict[str, Any] = msgspec.to_builtins(tally)
    return document


def show_tally(tally: Tally) -> dict[str, Any]:
    """Return a tally as the API shows it: counts, shares and their 95 % intervals, and what each rule did."""
    return {
        "conversations": tally.conversations,
        "messages": tally.messages,
        "unassessed": tally.unassessed,
        "attacks": tally.attacks,
        "attacks_caught": tally.attacks_caught,
        "catch_rate": tally.attacks_caught / tally.attacks if tally.attacks else None,
        "catch_rate_ci": tally.catch_interval,
        "benign": tally.benign,
        "benign_blocked": tally.benign_blocked,
        "benign_blocked_all": tally.benign_blocked_all,
        "benign_flagged": tally.benign_flagged,
        "benign_block_rate": tally.benign_blocked / tally.benign if tally.benign else None,
        "benign_block_rate_ci": tally.block_interval,
        "rules": msgspec.to_builtins(tally.rules),
        "in_words": tally.in_words(),
    }
