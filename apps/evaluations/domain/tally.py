"""Tallies: sufficient statistics over facts that can be merged in any order.

Every field is a count, a whole-number sum, a histogram, a sketch or a minimum, so that
``tally(a).merge(tally(b)) == tally(a + b)`` holds exactly. A tally encodes with msgspec to the JSON of a rollup.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

import msgspec

from apps.evaluations.domain import distinct, histograms
from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.moments import Gathering, Moments

# Whole numbers kept for one unit: scores in thousandths, money in ten-thousandths, cost in hundred-millionths.
SCORE, MONEY, COST = 1_000, 10_000, 100_000_000
HIGH_RISK = 7.0
# With more agents than this, those with the smallest hashes are kept: a fair sample whose counts stay complete.
MOST_AGENTS = 500
# The offer has been answered for good; "offered" and "pending" may still change.
SETTLED = frozenset({"agreed", "confirmed", "declined", "ignored"})


class AgentTally(msgspec.Struct, frozen=True, array_like=True):
    """What one agent did. ``offered`` counts conversations with a settled offer; ``value`` is in ten-thousandths."""

    conversations: int = 0
    offered: int = 0
    confirmed: int = 0
    value: int = 0
    escalated: int = 0
    score: Moments = Moments()

    def merge(self, other: AgentTally) -> AgentTally:
        """Return the tally of both sets of conversations."""
        return AgentTally(
            self.conversations + other.conversations,
            self.offered + other.offered,
            self.confirmed + other.confirmed,
            self.value + other.value,
            self.escalated + other.escalated,
            self.score.merge(other.score),
        )


class FactorTally(msgspec.Struct, frozen=True, array_like=True):
    """Settled offers with a factor present, and how many of them were confirmed."""

    offered: int = 0
    confirmed: int = 0

    def merge(self, other: FactorTally) -> FactorTally:
        """Return the tally of both sets of conversations."""
        return FactorTally(self.offered + other.offered, self.confirmed + other.confirmed)


class Tally(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sums over conversations.

    ``types`` and ``faults`` count incidents; ``patterns`` conversations and ``pattern_turns`` turns;
    ``pattern_escalated`` conversations with the pattern that were escalated; ``upsells``, ``resolutions`` and
    ``churns`` conversations by state. ``resolution_ms`` and ``reply_ms`` are histograms, ``users`` a sketch.
    """

    conversations: int = 0
    messages: int = 0
    user_messages: int = 0
    first_day: date | None = None
    last_day: date | None = None
    users: tuple[int, ...] = ()
    attacks_blocked: int = 0
    attacks_succeeded: int = 0
    attacks_unclear: int = 0
    attacked: int = 0
    high_risk: int = 0
    faulty: int = 0
    risk: Moments = Moments()
    types: dict[str, int] = {}
    faults: dict[str, int] = {}
    score: Moments = Moments()
    unscored: int = 0
    patterns: dict[str, int] = {}
    pattern_turns: dict[str, int] = {}
    pattern_escalated: dict[str, int] = {}
    escalations_requested: int = 0
    escalations_offered: int = 0
    escalations_done: int = 0
    resolutions: dict[str, int] = {}
    resolution_ms: dict[str, int] = {}
    csat: Moments = Moments()
    predicted_dissatisfaction: Moments = Moments()
    offers: int = 0
    upsells: dict[str, int] = {}
    upsell_value: Moments = Moments()
    value: Moments = Moments()
    factors: dict[str, FactorTally] = {}
    churns: dict[str, int] = {}
    churn_values: dict[str, int] = {}
    enterprise_leads: int = 0
    reply_ms: dict[str, int] = {}
    tokens: Moments = Moments()
    cost: Moments = Moments()
    estimated: int = 0
    agents: dict[str, AgentTally] = {}

    def merge(self, other: Tally) -> Tally:
        """Return the tally of both sets of conversations, which must not overlap."""
        return merge_all((self, other))

    @property
    def attacks(self) -> int:
        """Return the number of attacks, whatever became of them."""
        return self.attacks_blocked + self.attacks_succeeded + self.attacks_unclear

    @property
    def offered(self) -> int:
        """Return the number of conversations with an offer, whatever became of it."""
        return sum(count for state, count in self.upsells.items() if state != "none")

    @property
    def settled(self) -> FactorTally:
        """Return settled offers and confirmed ones among them, per conversation."""
        return FactorTally(sum(self.upsells.get(state, 0) for state in SETTLED), self.upsells.get("confirmed", 0))

    @property
    def days(self) -> int:
        """Return the number of days from the first conversation to the last, both included; 0 when empty."""
        return (self.last_day - self.first_day).days + 1 if self.first_day and self.last_day else 0


def tally(facts: Iterable[Fact]) -> Tally:
    """Return the tally of these facts."""
    gathered = _Gathered()
    for fact in facts:
        gathered.add(fact)
    return gathered.done()


FIELDS = Tally.__struct_fields__


def merge_all(parts: Iterable[Tally], fields: Collection[str] = FIELDS) -> Tally:
    """Return the tally of all these sets of conversations, which must not overlap; of some ``fields`` only."""
    merged = _Merged(fields)
    for part in parts:
        merged.add(part)
    return merged.done()


class _Merged:
    """A sum of tallies in the making: changed in place, because a year of rollups is tens of thousands of them."""

    def __init__(self, fields: Collection[str]) -> None:
        self.fields = frozenset(fields)
        self.sums = {name: 0 for name in _SUMS if name in self.fields}
        self.counts: dict[str, defaultdict[str, int]] = {
            name: defaultdict(int) for name in _COUNTS if name in self.fields
        }
        self.moments = {name: [0, 0, 0] for name in _UNITS if name in self.fields}
        self.days: list[date] = []
        self.users: set[int] = set()
        # No hash above this one can be among the smallest any more.
        self.largest_user: int | None = None
        self.factors: dict[str, FactorTally] = {}
        self.agents: dict[str, AgentTally] = {}

    def add(self, part: Tally) -> None:
        for name in self.sums:
            self.sums[name] += getattr(part, name)
        for name, counts in self.counts.items():
            if found_counts := getattr(part, name):
                for key, count in found_counts.items():
                    counts[key] += count
        for name, sums in self.moments.items():
            moments = getattr(part, name)
            sums[0] += moments.n
            sums[1] += moments.total
            sums[2] += moments.squares
        if part.first_day is not None and part.last_day is not None:
            self.days = [min([part.first_day, *self.days]), max([part.last_day, *self.days])]
        if "users" in self.fields:
            self._add_users(part.users)
        if "factors" in self.fields:
            for factor, found in part.factors.items():
                self.factors[factor] = self.factors.get(factor, FactorTally()).merge(found)
        if "agents" in self.fields:
            self._add_agents(part.agents)

    def _add_agents(self, agents: dict[str, AgentTally]) -> None:
        for agent, did in agents.items():
            known = self.agents.get(agent)
            self.agents[agent] = did if known is None else known.merge(did)
        if len(self.agents) > 2 * MOST_AGENTS:
            self.agents = _sample(self.agents)

    def _add_users(self, users: tuple[int, ...]) -> None:
        # Sorted, as every sketch is: what lies above the bound is left out unread, and soon that is nearly all.
        self.users.update(users if self.largest_user is None else users[: bisect_left(users, self.largest_user)])
        if len(self.users) > 2 * distinct.K:
            kept = distinct.smallest(self.users)
            self.users, self.largest_user = set(kept), kept[-1]

    def done(self) -> Tally:
        fields: dict[str, Any] = dict(self.sums)
        fields |= {name: dict(sorted(counts.items())) for name, counts in self.counts.items()}
        fields |= {name: Moments(*sums) for name, sums in self.moments.items()}
        return Tally(
            **fields,
            first_day=self.days[0] if self.days else None,
            last_day=self.days[1] if self.days else None,
            users=distinct.smallest(self.users),
            factors=dict(sorted(self.factors.items())),
            agents=_sample(dict(sorted(self.agents.items()))),
        )


class _Gathered:
    """A tally in the making: changed in place, because a merge per fact would be ten times slower."""

    def __init__(self) -> None:
        self.sums: dict[str, int] = {}
        self.counts: dict[str, dict[str, int]] = {name: {} for name in _COUNTS}
        self.moments = {name: Gathering(unit) for name, unit in _UNITS.items()}
        self.days: set[date] = set()
        self.users: set[str] = set()
        self.factors: dict[str, list[int]] = {}
        self.agents: dict[str, list[Fact]] = {}

    def add(self, fact: Fact) -> None:
        self.days.add(fact.day)
        self.users.add(fact.unit_hash)
        self._add_security(fact)
        self._add_quality(fact)
        self._add_business(fact)
        self._add_performance(fact)
        if fact.agent:
            self.agents.setdefault(fact.agent, []).append(fact)
        self._sum("conversations", 1)
        self._sum("messages", fact.messages)
        self._sum("user_messages", fact.user_messages)

    def done(self) -> Tally:
        fields: dict[str, Any] = dict(self.sums)
        fields |= {name: dict(sorted(counts.items())) for name, counts in self.counts.items()}
        fields |= {name: gathering.done() for name, gathering in self.moments.items()}
        return Tally(
            **fields,
            first_day=min(self.days, default=None),
            last_day=max(self.days, default=None),
            users=distinct.sketch(self.users),
            factors={name: FactorTally(*counts) for name, counts in sorted(self.factors.items())},
            agents=_sample({agent: _tally_agent(facts) for agent, facts in sorted(self.agents.items())}),
        )

    def _add_security(self, fact: Fact) -> None:
        self.moments["risk"].add(fact.risk_score)
        self._sum("high_risk", int(fact.risk_score >= HIGH_RISK))
        if fact.attack_types:
            self._sum("attacked", 1)
            self._sum("attacks_blocked", fact.attacks_blocked)
            self._sum("attacks_succeeded", fact.attacks_succeeded)
            self._sum("attacks_unclear", fact.attacks_unclear)
            for name in fact.attack_types:
                self._count("types", name)
        if fact.faults:
            self._sum("faulty", 1)
            for name in fact.faults:
                self._count("faults", name)

    def _add_quality(self, fact: Fact) -> None:
        self._optional("score", fact.quality_score)
        self._sum("unscored", int(fact.quality_score is None))
        self._optional("csat", fact.csat)
        self._optional("predicted_dissatisfaction", fact.predicted_dissatisfaction)
        self._sum("escalations_requested", int(fact.escalation_requested))
        self._sum("escalations_offered", int(fact.escalation_offered))
        self._sum("escalations_done", int(fact.escalation_done))
        self._count("resolutions", fact.resolution)
        if fact.resolution_time_s is not None:
            self._count("resolution_ms", histograms.bucket(fact.resolution_time_s * 1000))
        for name in fact.patterns:
            self._count("patterns", name)
            self._count("pattern_turns", name, fact.pattern_turns.get(name, 1))
            if fact.escalation_done:
                self._count("pattern_escalated", name)

    def _add_business(self, fact: Fact) -> None:
        self.moments["value"].add(fact.value)
        self._sum("enterprise_leads", int(fact.enterprise_lead))
        self._count("churns", fact.churn)
        if fact.churn_value is not None:
            self._count("churn_values", fact.churn, round(fact.churn_value * MONEY))
        self._count("upsells", fact.upsell)
        self._sum("offers", fact.offers)
        if fact.upsell == "confirmed":
            self._optional("upsell_value", fact.upsell_value)
        if fact.upsell in SETTLED:
            for name in set(fact.factors):
                counts = self.factors.setdefault(name, [0, 0])
                counts[0] += 1
                counts[1] += fact.upsell == "confirmed"

    def _add_performance(self, fact: Fact) -> None:
        for time in fact.reply_times_ms:
            self._count("reply_ms", histograms.bucket(time))
        self._optional("tokens", fact.tokens)
        self._optional("cost", fact.cost)
        self._sum("estimated", int(fact.estimated))

    def _sum(self, name: str, value: int) -> None:
        self.sums[name] = self.sums.get(name, 0) + value

    def _count(self, name: str, key: str, by: int = 1) -> None:
        counts = self.counts[name]
        counts[key] = counts.get(key, 0) + by

    def _optional(self, name: str, value: object) -> None:
        if value is not None:
            self.moments[name].add(value)  # type: ignore[arg-type]


_UNITS = {
    "risk": SCORE, "score": SCORE, "csat": SCORE, "predicted_dissatisfaction": SCORE, "upsell_value": MONEY,
    "value": MONEY, "tokens": 1, "cost": COST,
}  # fmt: skip
_COUNTS = (
    "types", "faults", "patterns", "pattern_turns", "pattern_escalated", "resolutions", "resolution_ms", "upsells",
    "churns", "churn_values", "reply_ms",
)  # fmt: skip
_SUMS = tuple(
    name for name, default in zip(Tally.__struct_fields__, Tally.__struct_defaults__, strict=True) if default == 0
)


def _tally_agent(facts: list[Fact]) -> AgentTally:
    score = Gathering(SCORE)
    for fact in facts:
        if fact.quality_score is not None:
            score.add(fact.quality_score)
    return AgentTally(
        conversations=len(facts),
        offered=sum(fact.upsell in SETTLED for fact in facts),
        confirmed=sum(fact.upsell == "confirmed" for fact in facts),
        value=sum(round(fact.value * MONEY) for fact in facts),
        escalated=sum(fact.escalation_done for fact in facts),
        score=score.done(),
    )


def _sample(agents: dict[str, AgentTally]) -> dict[str, AgentTally]:
    if len(agents) <= MOST_AGENTS:
        return agents
    # Whoever is among the smallest of the union was among the smallest of each part: no count is ever incomplete.
    kept = sorted(agents, key=lambda agent: hashlib.blake2b(agent.encode("utf-8", "replace"), digest_size=8).digest())
    return {agent: agents[agent] for agent in sorted(kept[:MOST_AGENTS])}
