"""How much of what is learned from traffic may be one user's: attackers write it, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

_MOST, _SHARE = 3, 0.01
Item = TypeVar("Item")


def most_of_one_user(items: int) -> int:
    """Return how many of so many items may be one user's: three, or one in a hundred where that is more."""
    return max(_MOST, int(_SHARE * items))


def within_share(items: Sequence[Item], user_of: Callable[[Item], str]) -> list[Item]:
    """Return the items of which no user gave more than may be theirs, in their order.

    Where no user is known, every item is somebody else's; where some are, the unknown ('') are one.
    """
    users = [user_of(item) for item in items]
    anonymous = not any(users)
    most = most_of_one_user(len(items))
    taken: Counter[str] = Counter()
    kept = []
    for item, user in zip(items, users, strict=True):
        if anonymous or taken[user] < most:
            taken[user] += 1
            kept.append(item)
    return kept
