"""The simulated week: conversations in the message-per-line format, and the truth about each, kept apart."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Literal

import msgspec

from apps.demo.dialogue import Course, Dialogue, Guard, UpsellState, unguarded
from apps.demo.features import read_features
from apps.demo.population import Person, Timeline, fill_slots, people
from apps.demo.prompts import PromptLookup, ServedPrompt, serve_starting_prompts
from apps.demo.records import write_records
from apps.demo.texts import Attack, Texts, all_texts
from apps.demo.truth import TruthTable, World, truth_table

Kind = Literal["support", "attack", "decoy", "other_language"]


class Draws(msgspec.Struct, frozen=True):
    """One number per measure, independent of the prompts: under a true probability p it happens iff the draw < p.
    What a guard stops is blocked in any case.

    So what would have happened under any other prompt is known too. Draws are uniform between 0 and 1; that for the
    upsell is shifted by the agent's skill.
    """

    block: float
    escalation: float
    short_reply: float
    upsell: float


class Truth(msgspec.Struct, frozen=True):
    """What really happened in a conversation. None of it is in the logs as such."""

    session_id: str
    user_id: str
    agent_id: str
    kind: Kind
    intent: str
    language: str
    draws: Draws
    is_attack: bool
    attack_type: str | None
    attack_style: str | None
    attack_outcome: Literal["blocked", "succeeded"] | None
    attack_form: str | None
    escalated: bool
    short_reply: bool
    eligible: bool
    upsell: UpsellState
    upsell_amount: str | None
    support_variant: str | None
    offer_variant: str | None


class SimulatedConversation(msgspec.Struct, frozen=True):
    """One conversation: the records a client logs, outcomes it learns later, and the truth."""

    records: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]
    truth: Truth


def simulate_week(
    *,
    seed: int,
    week: int = 1,
    conversations: int,
    world: World = "helpful",
    start: datetime,
    prompts: PromptLookup = serve_starting_prompts,
    guard: Guard = unguarded,
) -> Iterator[SimulatedConversation]:
    """Yield a week (1, 2, …) of conversations in order of their beginning; the same arguments give the same week.

    ``prompts(user_id, "support"|"offer")`` is called when the simulated bot needs one: ``offer`` only for users to
    whom an offer is made; ``guard`` stands between users and the bot. Attacks, decoys, offers and other languages are
    scheduled in exact numbers (scaled to the size of the week); what becomes of each is random by truth.yaml and the
    features of the prompt served.
    """
    simulation = _Simulation(seed, week, conversations, world, start, prompts, guard)
    for number in range(conversations):
        yield simulation.conversation(number)


class _Simulation:
    def __init__(
        self,
        seed: int,
        week: int,
        conversations: int,
        world: World,
        start: datetime,
        prompts: PromptLookup,
        guard: Guard,
    ) -> None:
        self._guard = guard
        self._table: TruthTable = truth_table()
        self._texts: Texts = all_texts()
        self._seed, self._week, self._count, self._world, self._prompts = seed, week, conversations, world, prompts
        self._timeline = Timeline(start)
        self._end = start + timedelta(days=7, seconds=-1)
        self._people = people(seed, max(20, self._table.scaled(self._table.user_count, conversations)))
        self._kinds, self._eligible = self._schedule(random.Random(f"{seed} {week}"))  # noqa: S311 - reproducible
        crew = random.Random(f"attackers {seed}").sample(range(len(self._people)), self._table.attacker_count)  # noqa: S311
        self._attackers = [self._people[index] for index in crew]
        attacks = self._texts.attacks.attacks
        self._attacks = {plain: [a for a in attacks if (a.style == "plain") is plain] for plain in (True, False)}
        self._intents = _Weighted({name: intent.weight for name, intent in self._texts.intents.items()})
        self._channels = _Weighted(self._table.channels)
        self._agents = list(self._table.agents.items())
        self._probabilities: dict[tuple[str, str], float] = {}

    def _schedule(self, numbers: random.Random) -> tuple[dict[int, Kind], frozenset[int]]:
        table, count = self._table, self._count
        wanted: list[tuple[Kind | None, int]] = [
            ("attack", table.attacks_in(self._week, count)),
            ("decoy", table.scaled(table.decoys_scheduled, count)),
            ("other_language", table.scaled(table.other_languages_scheduled, count)),
            (None, table.scaled(table.eligible_scheduled, count)),
        ]
        chosen = numbers.sample(range(count), min(count, sum(size for _, size in wanted)))
        kinds: dict[int, Kind] = {}
        for kind, size in wanted:
            if kind is None:
                return kinds, frozenset(chosen[:size])
            kinds |= dict.fromkeys(chosen[:size], kind)
            del chosen[:size]
        return kinds, frozenset()

    def conversation(self, number: int) -> SimulatedConversation:
        numbers = random.Random((self._seed * 1_000_003 + self._week) * 1_000_003 + number)  # noqa: S311 - reproducible
        draw = numbers.random
        agent_index = int(draw() * len(self._agents))
        agent, skill = self._agents[agent_index]
        draws = Draws(block=draw(), escalation=draw(), short_reply=draw(), upsell=draw() - skill)
        kind = self._kinds.get(number, "support")
        person = self._person(kind, draw())
        began = self._timeline.at((number + draw()) / self._count)
        support = self._prompts(person.user_id, "support")
        offer = self._prompts(person.user_id, "offer") if number in self._eligible else None
        course = self._course(kind, draws, support, offer, numbers)
        price = f"{self._table.plans[person.next_plan]:.2f}"
        slots = fill_slots(person, self._texts.fillings.agent_names[agent_index], price, began, numbers)
        dialogue = Dialogue(self._texts, slots, course, numbers, self._guard)
        intent, language = self._intents.pick(draw()), "en"
        attack: Attack | None = None
        form: str | None = None
        if kind == "attack":
            attack = numbers.choice(self._attacks[draw() < self._table.plain_attacks])
            language = attack.language
            blocked = draws.block < self._probability("block", support.text)
            form = dialogue.attack(attack, self._texts.intents[intent], support.text, blocked)
        elif kind == "other_language":
            language, words = numbers.choice(list(self._texts.languages.items()))
            dialogue.foreign(words)
        else:
            dialogue.support(intent, numbers.choice(self._texts.decoys) if kind == "decoy" else None)
        session_id = f"s{self._seed}_{self._week}_{number:05d}"
        records = write_records(
            dialogue.turns,
            session_id=session_id,
            person=person,
            agent_id=agent,
            channel=self._channels.pick(draw()),
            issue_type=intent if attack is None and language == "en" and draw() < 0.4 else None,
            served={"support": support, "offer": offer},
            began=began,
            numbers=numbers,
        )
        if draw() < self._table.csat_answered and attack is None:
            records[-1].setdefault("metadata", {})["csat"] = _csat(course, draw())
        confirmed = course.upsell == "confirmed"
        late = confirmed and not course.confirmed_in_chat
        return SimulatedConversation(
            records=records,
            outcomes=[_conversion(session_id, price, began, draw(), self._end)] if late else [],
            truth=Truth(
                session_id=session_id,
                user_id=person.user_id,
                agent_id=agent,
                kind=kind,
                intent=intent,
                language=language,
                draws=draws,
                is_attack=attack is not None,
                attack_type=attack.type if attack else None,
                attack_style=attack.style if attack else None,
                attack_outcome=None if form is None else "blocked" if form == "blocked" else "succeeded",
                attack_form=form,
                escalated=course.escalated,
                short_reply=course.short_reply,
                eligible=offer is not None,
                upsell=course.upsell,
                upsell_amount=price if confirmed else None,
                support_variant=support.variant,
                offer_variant=offer.variant if offer else None,
            ),
        )

    def _person(self, kind: Kind, share: float) -> Person:
        # Squaring makes a few attackers make most attacks; the mild power makes some customers come back often.
        if kind == "attack":
            return self._attackers[int(share**2 * len(self._attackers))]
        return self._people[int(share**1.3 * len(self._people))]

    def _course(
        self,
        kind: Kind,
        draws: Draws,
        support: ServedPrompt,
        offer: ServedPrompt | None,
        numbers: random.Random,
    ) -> Course:
        table, draw = self._table, numbers.random
        if kind == "attack":
            return Course()
        features = read_features(support.text)
        upsell: UpsellState = "none"
        if offer is not None:
            upsell = _upsell(draws.upsell, self._probability("upsell", offer.text), table)
        short = draws.short_reply < self._probability("short_reply", support.text)
        return Course(
            escalated=draws.escalation < self._probability("escalation", support.text),
            told_by_metadata=draw() < table.escalation_told_by_metadata,
            short_reply=short,
            vague_reply=draw() < self._probability("vague_reply", support.text) and not short,
            asks_context=draw() < self._probability("asks_context", support.text),
            steps=self._probability("steps_in_answer", support.text),
            warm="warm_greeting" in features,
            terse="terse_answers" in features,
            upsell=upsell,
            personal=offer is not None and draw() < self._probability("personal_offer", offer.text),
            usage=offer is not None and draw() < self._probability("usage_in_offer", offer.text),
            anchor=draw() < table.baseline["price_anchor"],
            confirmed_in_chat=draw() < table.confirmed_in_chat,
        )

    def _probability(self, measure: str, prompt: str) -> float:
        known = self._probabilities.get((measure, prompt))
        if known is None:
            known = self._table.probability(measure, self._world, read_features(prompt))
            self._probabilities[measure, prompt] = known
        return known


class _Weighted:
    """Names that are picked in proportion to their weights."""

    def __init__(self, weights: dict[str, float]) -> None:
        self._names = list(weights)
        self._until = list(accumulate(weights.values()))

    def pick(self, share: float) -> str:
        return self._names[min(bisect_right(self._until, share * self._until[-1]), len(self._names) - 1)]


def _upsell(draw: float, probability: float, table: TruthTable) -> UpsellState:
    agreed = min(1.0, probability * table.agreed_per_confirmed)
    if draw < probability:
        return "confirmed"
    if draw < agreed:
        return "agreed"
    return "declined" if draw < agreed + (1 - agreed) * table.declined_of_rest else "ignored"


def _csat(course: Course, draw: float) -> int:
    mean = 4.2 - 1.6 * course.escalated - 0.6 * course.short_reply - 0.4 * course.vague_reply
    return max(1, min(5, round(mean + (draw - 0.5) * 3)))


def _conversion(session_id: str, price: str, began: datetime, draw: float, end: datetime) -> dict[str, Any]:
    # Reported within a day, and at the end of the week at the latest, when the shop closes its books.
    reported = min(began + timedelta(minutes=20 + draw * 1400), end)
    return {
        "id": f"sale-{session_id}",
        "session_id": session_id,
        "metric": "conversion",
        "value": True,
        "amount": price,
        "timestamp": reported.isoformat(timespec="seconds"),
    }
