"""What an offer did: the things that may go with success. Observed, not tried: effects need an experiment."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from apps.evaluations.domain.business.money import prices_in
from apps.evaluations.domain.values import Message

NAMES = (
    "personalized_benefits", "after_successful_support", "price_anchoring", "usage_statistics", "specific_numbers",
)  # fmt: skip

_NUMBER = re.compile(r"[0-9][0-9,.]*")


def find_factors(
    messages: Sequence[Message],
    texts: Sequence[str],
    signs: Sequence[frozenset[str]],
    offers: Sequence[int],
    *,
    resolved: Collection[int],
    unhappy: Collection[int],
) -> set[str]:
    """Return the factors present around any of the offers (indexes of messages, ascending)."""
    found: set[str] = set()
    solved_at = _first_solution(messages, signs, resolved, before=offers[-1])
    for offer in offers:
        around = range(max(0, offer - 1), min(len(texts), offer + 2))
        spoken = frozenset().union(*(signs[i] for i in around if messages[i].role == "assistant"))
        if "account" in spoken and "benefit" in spoken:
            found.add("personalized_benefits")
        # By either side, in the offer or just before it: "mentioning current usage".
        told = signs[offer] | signs[max(0, offer - 1)]
        if "usage" in told:
            found.add("usage_statistics")
        if "price" in told:
            prices = {price for i in range(max(0, offer - 1), offer + 1) for price in prices_in(texts[i])}
            if len(prices) > 1 or "compares" in told:
                found.add("price_anchoring")
        if _has_number_beside_price(texts[offer], "price" in signs[offer]):
            found.add("specific_numbers")
        before = next((i for i in range(offer - 1, -1, -1) if messages[i].role == "user"), None)
        content = before is None or not (before in unhappy or "unhappy" in signs[before])
        if solved_at is not None and solved_at < offer and content:
            found.add("after_successful_support")
    return found


def _first_solution(
    messages: Sequence[Message], signs: Sequence[frozenset[str]], resolved: Collection[int], *, before: int
) -> int | None:
    for index in range(before):
        # The first message thanks in advance at most.
        if index in resolved or (index and messages[index].role == "user" and "solved" in signs[index]):
            return index
    return None


def _has_number_beside_price(text: str, has_price: bool) -> bool:
    prices = {_plain(str(price)) for price in prices_in(text)} if has_price else set()
    return any(_plain(number.rstrip(",.").replace(",", "")) not in prices for number in _NUMBER.findall(text))


def _plain(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
