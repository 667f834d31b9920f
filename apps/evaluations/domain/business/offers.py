"""Offers in the assistant's words, and what the user answered. English; other languages are read from metadata only."""

from __future__ import annotations

from typing import Literal

from apps.evaluations.domain.business.signs import ASSISTANT

Answer = Literal["agreed", "declined", "later", "other"]
# An offer names something to buy and invites to it, within this many characters of one another.
_NEAR = 250
# What speaks of upgrades without selling one: past ones, mistaken ones, repairs and technical ones.
_NO_OFFER = frozenset({"no_offer", "done"})


def is_offer(text: str, signs: frozenset[str]) -> bool:
    """Return whether an assistant's message with these signs offers something to buy."""
    if "product" not in signs or "invite" not in signs or not signs.isdisjoint(_NO_OFFER):
        return False
    products = [match.start() for match in ASSISTANT.find("product", text)]
    invites = [match.start() for match in ASSISTANT.find("invite", text)]
    # Both lists ascend, so one walk finds a near pair.
    position = 0
    for product in products:
        while position < len(invites) and invites[position] < product - _NEAR:
            position += 1
        if position < len(invites) and invites[position] <= product + _NEAR:
            return True
    return False


def continues_offer(signs: frozenset[str]) -> bool:
    """Return whether an assistant's message, that follows an offer goes on about it: names a price, not a refund."""
    return "price" in signs and signs.isdisjoint(_NO_OFFER)


def read_answer(signs: frozenset[str], *, direct: bool) -> Answer:
    """Return what a user message with these signs says to an offer made before it.

    ``direct`` means it follows the offer at once: only then does a bare "yes" answer it. A yes that asks back ("yes,
    what would I get?") is interest, not agreement.
    """
    if "no_trouble" in signs:
        return "agreed" if "agrees_firmly" in signs else "other"
    if "later" in signs:
        return "later"
    if "declines" in signs:
        return "declined"
    if "agrees_firmly" in signs or (direct and "agrees" in signs and "asks" not in signs):
        return "agreed"
    return "other"
