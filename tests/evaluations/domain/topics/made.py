"""Made-up conversations whose topic is known."""

from __future__ import annotations

import random

from apps.evaluations.domain.topics.finding import Said
from apps.evaluations.domain.topics.words import topic_words

SUBJECTS = {
    "refund": "refund money card charged bank statement amount reimbursed",
    "delivery": "parcel courier delivered tracking address shipment van doorstep",
    "login": "password login reset locked account code authenticator browser",
    "invoice": "invoice tax receipt company accountant billing vat pdf",
    "roaming": "roaming sim abroad network signal gigabytes antenna phone",
}
_CHATTER = (
    "hello", "could", "somebody", "explain", "the", "thing", "about", "my", "one", "because", "it", "was", "strange",
    "and", "nobody", "replied",
)  # fmt: skip


def sentence(subject: str, chance: random.Random, words: int = 5) -> str:
    """Return a sentence about a subject: some of its words among chatter."""
    told = [*chance.sample(SUBJECTS[subject].split(), words), *chance.sample(_CHATTER, 6)]
    chance.shuffle(told)
    return " ".join(told)


def corpus(n: int, *, seed: int = 1, subjects: tuple[str, ...] = tuple(SUBJECTS)) -> tuple[list[Said], list[str]]:
    """Return n conversations of as many users, and the subject of each, in turn."""
    chance = random.Random(seed)
    truth = [subjects[number % len(subjects)] for number in range(n)]
    return [Said(f"u{n}", topic_words([sentence(subject, chance)])) for n, subject in enumerate(truth)], truth
