"""Whether the issue was resolved, how long that took, and when the answer must be looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from apps.evaluations.domain.quality.metadata import last_value, read_boolean, read_number
from apps.evaluations.domain.quality.reading import Turn
from apps.evaluations.domain.values import Resolution

NO_RETURN = timedelta(hours=72)
NEW_CONTACT = timedelta(minutes=30)


class Resolved(msgspec.Struct, frozen=True):
    """``reason`` says in a few words what decided; ``settles_at`` is set while only time can tell."""

    resolution: Resolution
    reason: str
    time_s: float | None = None
    settles_at: datetime | None = None


def judge_resolution(
    turns: Sequence[Turn],
    every_metadata: Sequence[dict[str, Any]],
    *,
    escalated: bool,
    at: datetime,
    reads_words: bool = True,
) -> Resolved:
    """Return how a conversation ended.

    Metadata ``issue_resolved`` decides; else the user's last word on it: thanks or "it works" after a reply confirms,
    a revocation after that reopens, a complaint leaves it unresolved, as do an escalation, a reply that failed and a
    question nobody answered. Where the user just stayed away it is assumed after 72 hours, unknown until then.
    With ``reads_words`` False (a language the cues do not know) only metadata, escalation and time speak.
    """
    told_time = read_number(last_value(every_metadata, "resolution_time_s", "resolution_time"))
    if told_time is not None and told_time < 0:
        told_time = None
    state, reply = _follow(turns) if reads_words else _follow_silently(turns)
    found = _decide(turns, every_metadata, state, reply, escalated=escalated, at=at)
    if told_time is not None:
        return msgspec.structs.replace(found, time_s=told_time)
    return found


def _decide(
    turns: Sequence[Turn],
    every_metadata: Sequence[dict[str, Any]],
    state: str,
    reply: int | None,
    *,
    escalated: bool,
    at: datetime,
) -> Resolved:
    told = read_boolean(last_value(every_metadata, "issue_resolved"))
    if told is not None:
        if not told:
            return Resolved("unresolved", "metadata issue_resolved")
        return Resolved("confirmed", "metadata issue_resolved", time_to_resolve(turns, reply))
    if not turns:
        return Resolved("unknown", "nothing was said")
    if state == "confirmed":
        return Resolved("confirmed", "the user said thanks or that it works", time_to_resolve(turns, reply))
    if state == "reopened":
        return Resolved("reopened", "the user came back after it seemed resolved")
    if escalated:
        return Resolved("unresolved", "handed over to a person")
    if state == "refused":
        return Resolved("unresolved", "the user said it did not help")
    if state == "failed":
        return Resolved("unresolved", "the last reply could not help")
    settles_at = turns[-1].sent_at + NO_RETURN
    if at < settles_at:
        return Resolved("unknown", "the user may still come back", settles_at=settles_at)
    if state == "waiting" or reply is None:
        return Resolved("unresolved", "nobody answered")
    return Resolved("assumed", "no return within 72 hours", time_to_resolve(turns, reply))


def _follow(turns: Sequence[Turn]) -> tuple[str, int | None]:
    """Return the state after the last turn and the position of the reply that resolved (or last answered) the issue."""
    state = "waiting"
    reply: int | None = None
    was_confirmed = False
    for position, turn in enumerate(turns):
        if not turn.is_user:
            # The reply to a thank-you resolves nothing, and a complaint stands until the user says otherwise.
            if state in {"waiting", "answered", "failed"}:
                state, reply = ("failed" if gives_up(turn) else "answered"), position
            elif state == "refused":
                reply = position
        elif reply is None:
            continue
        elif rejects(turn):
            state = "reopened" if was_confirmed else "refused"
        elif confirms(turn):
            state, was_confirmed = "confirmed", True
        elif brings_new_issue(turn) or "corrects" in turn.cues:
            # A next question: what was confirmed before it is settled history.
            state, was_confirmed = "waiting", False
        elif state in {"refused", "failed"}:
            state = "answered"
    return state, reply


def _follow_silently(turns: Sequence[Turn]) -> tuple[str, int | None]:
    """Return what can be followed without understanding a word: who spoke last, and the position of the last reply."""
    reply = next((position for position in range(len(turns) - 1, -1, -1) if not turns[position].is_user), None)
    return ("waiting" if turns and turns[-1].is_user else "answered"), reply


def confirms(turn: Turn) -> bool:
    """Return whether a user turn after a reply says the issue is settled."""
    cues = turn.cues
    if "declines" in cues and "worked" not in cues:
        return False
    if "worked" in cues:
        return not turn.asks or "thanks" in cues
    return "thanks" in cues and not turn.asks and not cues & {"asks_how", "frustrated", "wants_person"}


def rejects(turn: Turn) -> bool:
    """Return whether a user turn says that the reply before did not settle the issue."""
    return bool(turn.cues & {"revokes", "wants_person"}) or ("frustrated" in turn.cues and "thanks" not in turn.cues)


def brings_new_issue(turn: Turn) -> bool:
    """Return whether a user turn asks or reports something."""
    return turn.asks or bool(turn.cues & {"asks_how", "reports_problem"})


def gives_up(turn: Turn) -> bool:
    """Return whether a reply could not help and offers no way on."""
    return bool(turn.cues & {"failure", "refusal", "not_understood"}) and not (
        turn.cues & {"success", "ordered_list", "points_to"}
    )


def time_to_resolve(turns: Sequence[Turn], reply: int | None) -> float | None:
    """Return the seconds from the user's first message to the resolving reply at ``reply``.

    A user message more than 30 minutes after the message before it begins a new contact, and only the contact of the
    resolving reply counts. None without a user message before the reply, or when the times contradict each other.
    """
    if reply is None:
        return None
    first: datetime | None = None
    for position in range(reply):
        turn = turns[position]
        if not turn.is_user:
            continue
        gap = turn.sent_at - turns[position - 1].sent_at if position else timedelta(0)
        if first is None or gap > NEW_CONTACT:
            first = turn.sent_at
    if first is None:
        return None
    seconds = (turns[reply].sent_at - first).total_seconds()
    return seconds if seconds >= 0 else None
