"""How much of what is learned from traffic may be one user's: attackers write it, too."""

from __future__ import annotations

_MOST, _SHARE = 3, 0.01


def most_of_one_user(items: int) -> int:
    """Return how many of so many items may be one user's: three, or one in a hundred where that is more."""
    return max(_MOST, int(_SHARE * items))
