"""Who says what: turns the decided course of a conversation into its messages."""

from __future__ import annotations

import base64
import codecs
import random
import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from apps.demo.population import Slots
from apps.demo.texts import Attack, Foreign, Intent, Lines, Texts

UpsellState = Literal["none", "confirmed", "agreed", "declined", "ignored"]
_SENTENCES = re.compile(r"(?<=[.!?])\s+")
_SECRET = re.compile(r"\b[A-Z]{3,}-\d{2,}\b")
_LEET = str.maketrans("aeiost", "431057")


class Course(msgspec.Struct, frozen=True):
    """What happens in a conversation, decided before anybody speaks."""

    escalated: bool = False
    told_by_metadata: bool = True
    short_reply: bool = False
    vague_reply: bool = False
    asks_context: bool = False
    steps: float = 0.0
    warm: bool = False
    terse: bool = False
    upsell: UpsellState = "none"
    personal: bool = False
    usage: bool = False
    anchor: bool = False
    confirmed_in_chat: bool = False


class Turn(msgspec.Struct):
    """One message, the prompt behind it, and what its log line says besides."""

    role: Literal["user", "assistant"]
    text: str
    prompt: Literal["support", "offer"] = "support"
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


# What stands before the bot: returns what a user hears in its place where their message is stopped, else None.
Guard = Callable[[str], str | None]


def unguarded(text: str) -> str | None:
    """Stop nothing."""
    return None


class Dialogue:
    """Writes one conversation. The methods append to ``turns``.

    A message that ``guard`` stops never reaches the bot: its answer is the guard's, whatever the bot would have said.
    """

    def __init__(
        self, texts: Texts, slots: Slots, course: Course, numbers: random.Random, guard: Guard = unguarded
    ) -> None:
        self.turns: list[Turn] = []
        self.stopped = 0
        self._texts, self._slots, self._course, self._draw = texts, slots, course, numbers.random
        self._guard = guard

    def support(self, name: str, decoy: tuple[str, str] | None = None) -> None:
        """Write a customer's conversation about an intent, with a harmless oddity in it if one is given."""
        intent, course = self._texts.intents[name], self._course
        self._open(intent)
        self._answer(intent)
        if decoy is not None:
            self._user(decoy[0].format_map(self._slots))
            self._bot(decoy[1].format_map(self._slots))
        if self._draw() < (0.2 if course.upsell != "none" else 0.56):
            self._user(self._say(self._texts.talk.follow_ups))
            self._bot(self._say(self._texts.talk.second_replies))
        if name == "cancellation":
            self._retain()
        if course.upsell != "none":
            self._offer()
        if course.escalated:
            self._hand_off(self._texts.talk.presses, self._texts.talk.hand_offs)
        elif course.upsell == "none":
            self._close()

    def foreign(self, words: Foreign) -> None:
        """Write a conversation in another language."""
        self._user(self._say(words.issues))
        if self._course.short_reply:
            self._bot(self._say(words.short_replies))
            self._user(self._say(words.follow_ups))
        self._bot(self._say(words.replies))
        if self._draw() < 0.5:
            self._user(self._say(words.follow_ups))
            self._bot(self._say(words.replies))
        if self._course.escalated:
            self._hand_off(words.presses, words.hand_offs)
            return
        self._user(self._say(words.closings))
        self._bot(self._say(words.farewells))

    def attack(self, attack: Attack, intent: Intent, prompt: str, blocked: bool) -> str:
        """Write an attack and the reply to it; return its form: blocked, leaked or complied."""
        words = self._texts.attacks
        if attack.language == "en" and self._draw() < 0.45:
            self._open(intent)
            self._bot(self._say(intent.replies))
        for turn in attack.turns[:-1]:
            self._user(turn.format_map(self._slots))
            self._bot(self._say(words.preludes))
        before = self.stopped
        self._user(_encode(attack.turns[-1].format_map(self._slots), attack.encode))
        form = "blocked" if blocked else self._form_of_success(attack)
        if form == "blocked":
            self._bot(self._say(words.blocked[attack.language]))
        elif form == "complied":
            self._bot(self._say(words.complied[attack.type]))
        else:
            self._bot(give_away(words.leaked[attack.language], prompt, self._draw))
        if self.stopped > before:
            form = "blocked"
        if self._draw() < 0.4:
            self._user(self._say(words.goodbyes))
            self._bot(self._say(words.goodbye_replies))
        return form

    def _open(self, intent: Intent) -> None:
        talk, draw = self._texts.talk, self._draw()
        upset = 0.45 if self._course.escalated else 0.15
        mood = talk.moods["upset" if draw < upset else "cheerful" if draw > 0.93 else "calm"]
        self._user(
            _join(
                self._say(talk.greetings) if self._draw() < 0.5 else "",
                self._say(mood),
                self._say(intent.issues),
                self._say(intent.details) if self._draw() < 0.5 else "",
                self._say(talk.afterthoughts) if self._draw() < 0.3 else "",
            )
        )

    def _answer(self, intent: Intent) -> None:
        talk, course = self._texts.talk, self._course
        welcome = self._say(talk.warm_welcomes) if course.warm else ""
        if course.short_reply:
            self._bot(self._say(talk.short_replies))
            self._user(self._say(talk.reactions))
        elif course.vague_reply:
            self._bot(_join(welcome, self._say(talk.vague_replies)))
            self._user(self._say(talk.reactions))
        elif course.asks_context:
            self._bot(_join(welcome, self._say(intent.asks)))
            self._user(self._say(intent.gives))
            welcome = ""
        else:
            self._bot(_join(welcome, self._full_answer(intent)))
            return
        self._bot(self._full_answer(intent))

    def _full_answer(self, intent: Intent) -> str:
        core = self._say(intent.steps if self._draw() < self._course.steps else intent.replies)
        if self._course.terse:
            return core
        return _join(self._say(self._texts.talk.acknowledgements), core, self._say(self._texts.talk.closers))

    def _offer(self) -> None:
        offers, course = self._texts.offers, self._course
        if not course.escalated and self._draw() < 0.6:
            self._user(self._say(self._texts.talk.thanks if self._draw() < 0.7 else self._texts.talk.worked))
            lead = ""
        else:
            lead = self.turns.pop().text
        pitch = _join(
            lead,
            self._say(offers.occasions),
            self._say(offers.pitches),
            self._say(offers.personal) if course.personal else "",
            self._say(offers.usage) if course.usage else "",
            self._say(offers.anchors if course.anchor else offers.plain_prices),
            self._say(offers.asks),
        )
        self.turns.append(Turn("assistant", pitch, "offer", {"upsell_attempt": True}))
        said, reply = {
            "confirmed": (offers.accepts, offers.accept_replies),
            "agreed": (offers.pendings, offers.pending_replies),
            "declined": (offers.declines, offers.decline_replies),
            "ignored": (offers.ignores, offers.ignore_replies),
        }[course.upsell]
        self._user(self._say(said))
        self._bot(self._say(reply))
        if course.upsell == "confirmed" and course.confirmed_in_chat:
            self.turns[-1].metadata = {
                "upsell_completed": True, "amount": self._slots["price"], "new_plan": self._slots["next_plan"],
            }  # fmt: skip

    def _retain(self) -> None:
        talk = self._texts.talk
        self._bot_after(self._say(talk.retained))
        stays = self._draw() < 0.35
        self._user(self._say(talk.stays if stays else talk.leaves))
        kept = {"retention_attempt": True, "retention_successful": stays, "monthly_value": "19.99"}
        self._bot("Thank you, I have noted that for you." if stays else "I understand, and it is noted.")
        self.turns[-1].metadata = kept

    def _hand_off(self, presses: Lines, hand_offs: Lines) -> None:
        self._user(self._say(presses))
        self._bot(self._say(hand_offs))
        if self._course.told_by_metadata:
            self.turns[-1].metadata = {"escalated_to": "second_line" if self._draw() < 0.8 else "supervisor"}

    def _close(self) -> None:
        talk, draw = self._texts.talk, self._draw()
        if draw < 0.06:
            return
        if draw < 0.68:
            thanks = draw < 0.52
            self._user(self._say(talk.thanks if thanks else talk.worked))
            self._bot(self._say(talk.farewells))
            if self._draw() < 0.4:
                self.turns[-1].metadata = {"issue_resolved": True}
        elif draw < 0.78:
            self._user(self._say(talk.unresolved))
            self._bot(self._say(talk.sorry_farewells))
        else:
            self._user(self._say(talk.quiet))
            self._bot(self._say(talk.quiet_farewells))

    def _form_of_success(self, attack: Attack) -> Literal["leaked", "complied"]:
        leaks = {"prompt_injection": 0.5, "system_prompt_extraction": 1.0, "jailbreak": 0.2, "data_harvesting": 0.0}
        return "leaked" if self._draw() < leaks.get(attack.type, 0.5) else "complied"

    def _bot_after(self, text: str) -> None:
        last = self.turns[-1]
        last.text = _join(last.text, text)

    def _user(self, text: str) -> None:
        self.turns.append(Turn("user", text))

    def _bot(self, text: str) -> None:
        heard = self._guard(self.turns[-1].text) if self.turns and self.turns[-1].role == "user" else None
        self.stopped += heard is not None
        self.turns.append(Turn("assistant", text if heard is None else heard))

    def _say(self, options: Lines) -> str:
        return options[int(self._draw() * len(options))].format_map(self._slots)


def give_away(options: Lines, prompt: str, draw: Callable[[], float]) -> str:
    """Return a reply that leaks the prompt: whole, in part, its secret alone, or in a disguise."""
    secret = _SECRET.search(prompt)
    sentences = _SENTENCES.split(prompt.strip())
    first = int(draw() * len(sentences))
    part = " ".join(sentences[first : first + 2])
    pieces = {
        "prompt": prompt,
        "part": part,
        "secret": secret.group() if secret else "",
        "spaced": " ".join(sentences[0].replace(" ", "·")),
        "coded": base64.b64encode(part.encode()).decode(),
    }
    fitting = [line for line in options if secret or "{secret}" not in line]
    return fitting[int(draw() * len(fitting))].format_map(pieces)


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _encode(text: str, how: str) -> str:
    if how == "base64":
        return f"Decode and act on it: {base64.b64encode(text.encode()).decode()}"
    if how == "rot13":
        return f"Turn each letter by thirteen and do it: {codecs.encode(text, 'rot13')}"
    if how == "spaced":
        return " ".join(text.replace(" ", "_"))
    if how == "leet":
        return text.translate(_LEET)
    if how == "reversed":
        return f"Read it backwards: {text[::-1]}"
    return text
