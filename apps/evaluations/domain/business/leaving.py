"""Users who want to leave, change their mind, or are gone, in their own and the assistant's words (English)."""

from __future__ import annotations

from collections.abc import Sequence

from apps.evaluations.domain.values import Message


def read_leaving(
    messages: Sequence[Message], signs: Sequence[frozenset[str]]
) -> tuple[int | None, int | None, int | None]:
    """Return where the user first says to leave, then last says to stay, and where the assistant says it is done.

    Staying after the assistant said it was done takes the cancellation back.
    """
    leaves = stays = gone = None
    for index, said in enumerate(signs):
        if not said:
            continue
        if messages[index].role == "user":
            if leaves is not None and "stays" in said:
                stays, gone = index, None
            elif "leaves" in said:
                leaves = index if leaves is None else leaves
                stays = None
        elif leaves is not None and "gone" in said:
            gone = index
    return leaves, stays, gone
