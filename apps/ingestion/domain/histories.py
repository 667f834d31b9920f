"""Records that carry the whole history so far and name no session: which conversation each of them goes on with.

A history is known by running digests, one after each of its turns. A pair goes on with the session whose history is its
longest beginning; what that session holds is not read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from apps.ingestion.domain.values import ParsedMessage, Thread


@dataclass
class End:
    """Where a session stood after one of its pairs. ``continued_by``: the pair that went on from there, if one did."""

    history: str
    session_id: str
    continued_by: str = ""


@dataclass(frozen=True)
class Joined:
    """Messages in their sessions, without those that are known; the ends that are new, and the known ones now taken."""

    messages: list[ParsedMessage]
    new: list[End]
    taken: list[End]


def make_thread(line: int, turns: Sequence[Any], record: dict[str, Any], *, continues: bool) -> Thread:
    """Return what says which history a record carries. ``continues``: it may go on with another's."""
    running, histories = hashlib.sha256(), []
    for turn in turns:
        running.update(json.dumps(_told(turn), sort_keys=True, default=str).encode("utf-8", "backslashreplace"))
        histories.append(running.hexdigest())
    told = [record.get("id"), record.get("timestamp"), record.get("client_id")]
    running.update(json.dumps(told, default=str).encode("utf-8", "backslashreplace"))
    return Thread(line=line, histories=histories, identity=running.hexdigest(), continues=continues)


def session_name(thread: Thread) -> str:
    """Return the name of the session a record begins: that of its own content, so that it begins it once."""
    return f"openai-{thread.identity[:20]}"


def join(messages: Sequence[ParsedMessage], threads: Sequence[Thread], known: Iterable[End]) -> Joined:
    """Put each thread\'s messages, found by their line, into the session they belong to, in the order of the push.

    Two sessions that began alike each go on once, the later one first: an end that a pair went on from is no other\'s.
    The same pair pushed again goes on from where it did.
    """
    ends: dict[str, list[End]] = {}
    stored = list(known)
    for end in stored:
        ends.setdefault(end.history, []).append(end)
    were_open = {id(end) for end in stored if not end.continued_by}
    new: list[End] = []
    places: dict[int, tuple[str, int]] = {}
    begun: dict[str, str] = {}
    for thread in threads:
        if thread.identity in begun:
            places[thread.line] = begun[thread.identity], len(thread.histories)
            continue
        session_id, length = _find(thread, ends) or (session_name(thread), 0)
        places[thread.line], begun[thread.identity] = (session_id, length), session_id
        if thread.continues:
            end = End(thread.histories[-1], session_id)
            ends.setdefault(end.history, []).append(end)
            new.append(end)
    taken = [end for end in stored if end.continued_by and id(end) in were_open]
    return Joined(_placed(messages, places), new, taken)


def _find(thread: Thread, ends: dict[str, list[End]]) -> tuple[str, int] | None:
    """Return (session, how many turns of it are known), and take its end; None where nothing goes before."""
    if not thread.continues:
        return None
    before = [
        (length, ends.get(thread.histories[length - 1], [])) for length in range(len(thread.histories) - 1, 0, -1)
    ]
    for length, found in before:
        for end in found:
            if end.continued_by == thread.identity:
                return end.session_id, length
    for length, found in before:
        for end in reversed(found):
            if not end.continued_by:
                end.continued_by = thread.identity
                return end.session_id, length
    return None


def _placed(messages: Sequence[ParsedMessage], places: dict[int, tuple[str, int]]) -> list[ParsedMessage]:
    seen: dict[int, int] = {}
    placed = []
    for message in messages:
        if message.line not in places:
            placed.append(message)
            continue
        session_id, known = places[message.line]
        turn = seen[message.line] = seen.get(message.line, -1) + 1
        if turn >= known:
            placed.append(msgspec.structs.replace(message, session_id=session_id))
    return placed


def _told(turn: Any) -> Any:
    """Return what makes a turn the same turn in the answer that brought it and in the requests that repeat it."""
    if not isinstance(turn, dict):
        return turn
    content = turn.get("content")
    if isinstance(content, list):
        content = "\\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    calls = turn.get("tool_calls")
    calls = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return [turn.get("role"), content, calls] if calls else [turn.get("role"), content]
