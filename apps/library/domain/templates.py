"""Response templates: which reply of a conversation may become one, which of many alike are proposed, what one holds.

Whoever writes to an application writes what these are made of. One user gives at most three of the replies looked at,
or one in a hundred of them; what the security analysis finds anything in is not proposed, and not served.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec

from apps.evaluations.domain.alike import Shelf, Signature, pieces_of, sign
from apps.evaluations.domain.shares import within_share

# A conversation's quality score, 0–10, from which on its reply is worth keeping.
LEAST_SCORE = 9.0
# Resolutions after which a reply may be said to have helped.
RESOLVED = ("confirmed", "assumed")
SHORTEST, LONGEST = 80, 2_000
# Two replies that share so much of their words and word pairs, whatever the figures in them, are one.
ALIKE = 0.5
_FIGURE = re.compile(r"\S*\d\S*")
LONGEST_NAME, LONGEST_TAG, MOST_TAGS, LONGEST_REASON = 100, 50, 20, 500
LONGEST_QUESTION = 300


class BadTemplate(ValueError):
    """What is wrong with a template; the message is for the person who wrote it."""


class Reply(msgspec.Struct, frozen=True):
    """A masked reply of a conversation that went well, with what it answered. ``user`` is a keyed hash, or ""."""

    text: str
    question: str
    score: float
    user: str
    conversation_id: int
    session_id: str
    said_at: datetime
    prompt_version: str = ""


class Candidate(msgspec.Struct, frozen=True):
    """The best of replies that say nearly the same, and how many conversations, of how many users, said it."""

    reply: Reply
    signature: Signature
    conversations: int
    users: int


def choose_reply(roles: Sequence[str], texts: Sequence[str], faulty: Collection[int]) -> tuple[int, int] | None:
    """Return the places of a reply worth keeping and of the question before it; None where there is none.

    It is the longest that no pattern of poor quality is found in and that answers a user, the first of several: what
    comes later is often courtesy, or an offer.
    """
    asked, found = None, None
    for place, (role, text) in enumerate(zip(roles, texts, strict=True)):
        if role == "user":
            asked = place
        elif role == "assistant" and asked is not None and place not in faulty and is_long_enough(text):
            found = (asked, place) if found is None or len(text) > len(texts[found[1]]) else found
    return found


def is_long_enough(text: str) -> bool:
    """Return whether a reply says enough to be said again, and not too much."""
    return SHORTEST <= len(text.strip()) <= LONGEST


def share_out(replies: Iterable[Reply]) -> list[Reply]:
    """Return the replies of which no user gave more than may be theirs, in their order."""
    return within_share(list(replies), lambda reply: reply.user)


def pick_candidates(replies: Iterable[Reply], known: Iterable[Sequence[int]]) -> list[Candidate]:
    """Return one candidate for replies that say nearly the same, said most often first.

    What is like one of the ``known`` signatures is none. Of several the one of the best score stands for all, the
    oldest of equals.
    """
    shelf = Shelf(ALIKE)
    taken = {shelf.add(signature) for signature in known}
    groups: dict[int, list[Reply]] = defaultdict(list)
    signatures: dict[int, Signature] = {}
    # Most replies are said again and again, letter by letter.
    numbers: dict[str, int] = {}
    for reply in sorted(share_out(replies), key=lambda each: (-each.score, each.said_at, each.conversation_id)):
        if reply.text not in numbers:
            signature = sign(pieces_of(_FIGURE.sub("0", reply.text.lower())))
            number = shelf.find(signature)
            numbers[reply.text] = shelf.add(signature) if number is None else number
            signatures.setdefault(numbers[reply.text], signature)
        groups[numbers[reply.text]].append(reply)
    found = [
        Candidate(each[0], signatures[number], len(each), len({reply.user or reply.session_id for reply in each}))
        for number, each in groups.items()
        if number not in taken
    ]
    return sorted(found, key=lambda each: (-each.users, -each.conversations, -each.reply.score, each.signature))


def check_template(*, name: object, text: object, tags: object) -> tuple[str, str, list[str]]:
    """Return a template's name, text and tags as they are kept. Raises BadTemplate."""
    if not isinstance(name, str) or not 1 <= len(name := " ".join(name.split())) <= LONGEST_NAME or "\x00" in name:
        raise BadTemplate(f"A template has a name of up to {LONGEST_NAME} characters.")
    if not isinstance(text, str) or not (text := text.replace("\r\n", "\n").strip()) or "\x00" in text:
        raise BadTemplate("A template says something.")
    if len(text) > LONGEST:
        raise BadTemplate(f"A template has at most {LONGEST:,} characters; this one has {len(text):,}.")
    if not isinstance(tags, list) or not all(isinstance(tag, str) and "\x00" not in tag for tag in tags):
        raise BadTemplate("Tags are a list of texts.")
    kept = list(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
    if len(kept) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in kept):
        raise BadTemplate(f"There are at most {MOST_TAGS} tags of {LONGEST_TAG} characters.")
    return name, text, kept


def check_reason(reason: str) -> str:
    """Return why, as it is kept. Raises BadTemplate where nothing is said."""
    said = " ".join(reason.replace("\x00", "").split())[:LONGEST_REASON]
    if not said:
        raise BadTemplate("Say why.")
    return said
