"""Which topic of a new fit is one of the last fit's: whoever saved a link to a topic finds the same one behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

# Two topics are one when so much of what either holds is in both (Jaccard).
_SHARED = 0.3


def carry_over(before: Sequence[int | None], now: Sequence[int | None]) -> dict[int, int]:
    """Return the earlier place of each topic that lasts, by its new place.

    Both say of the same conversations in which topic they are, by the earlier model and by the new one. Those that
    share most are matched first, each once; a topic that split lasts in its larger part. Coordinates of two fits
    cannot be compared, and words alone would tell little: the conversations are what a topic is.
    """
    pairs = Counter((new, old) for old, new in zip(before, now, strict=True) if old is not None and new is not None)
    olds, news = Counter(before), Counter(now)
    shares = {(new, old): n / (news[new] + olds[old] - n) for (new, old), n in pairs.items()}
    lasting: dict[int, int] = {}
    taken: set[int] = set()
    for (new, old), share in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
        if share >= _SHARED and new not in lasting and old not in taken:
            lasting[new] = old
            taken.add(old)
    return lasting
