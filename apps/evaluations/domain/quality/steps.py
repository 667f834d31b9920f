"""missing_specific_steps: a how-to or a problem whose next two replies say nothing one could do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import re2

from apps.evaluations.domain.quality.reading import Turn
from apps.evaluations.domain.values import QualityPattern

REPLIES = 2
VERBS = 2
_ACTIONS = (
    "open|click|tap|press|select|choose|pick|go|enter|type|sign|log|restart|reboot|reset|unplug|plug|check|uncheck|tick"
    "|toggle|turn|switch|enable|disable|install|uninstall|reinstall|update|upgrade|download|upload|scroll|swipe|hold"
    "|copy|paste|save|delete|remove|add|clear|close|connect|disconnect|pair|visit|navigate|head|find|locate|look|verify"
    "|confirm|send|reply|print|drop|bring|fill|submit|attach|scan|run|execute|create|set|change|edit|replace|insert"
    "|review|follow|call|dial|text|use|try|test|refresh|reload|cancel|ask|tell|provide|share|take|put|move|drag|hover"
    "|search|browse|sort|filter|export|import|wait|unlock|lock|charge|wipe|clean|push|pull|hit|reconnect|launch|start"
    "|stop|quit|exit|forward|pay|apply|order|request|compare|keep|write|note|measure|read|expand|hand|pack|return"
)
# Imperative: the verb opens a sentence, a clause or a list item, or follows a word that makes the rest an instruction.
_IMPERATIVE = (
    r"(?i)(?:^|[.!?:;,\n(]\s*|[-*•]\s+|\b\d[.):]\s*"
    r"|\b(?:and|then|please|or|next|first|finally|afterwards|simply|just|now|also|kindly|can|should|need to|have to"
    r"|must|may|could|try to|want to|by)\s+)"
    rf"({_ACTIONS})\b"
)  # fmt: skip


def find_missing_steps(turns: Sequence[Turn]) -> list[QualityPattern]:
    """Flag, at the first reply, a question or problem whose next two replies lack an ordered list, two imperative
    action verbs, and any URL, path, code or quoted label. Turns inside the window of an earlier one are part of it."""
    found = []
    position = 0
    while position < len(turns):
        turn = turns[position]
        position += 1
        if not turn.is_user or not turn.cues & {"asks_how", "reports_problem"} or "worked" in turn.cues:
            continue
        window = _next_replies(turns, position)
        if not window:
            break
        replies = [turns[at] for at in window]
        if any(has_steps(reply) for reply in replies):
            continue
        asked = "asks how to" if "asks_how" in turn.cues else "reports a problem"
        found.append(
            QualityPattern(
                name="missing_specific_steps",
                message_index=replies[0].index,
                severity="medium",
                evidence=replies[0].excerpt(),
                explanation=f"the user {asked}, and no steps, actions, link or label in {len(replies)} replies",
            )
        )
        position = window[-1] + 1
    return found


def _next_replies(turns: Sequence[Turn], position: int) -> list[int]:
    found: list[int] = []
    while position < len(turns) and len(found) < REPLIES:
        if not turns[position].is_user:
            found.append(position)
        position += 1
    return found


def has_steps(reply: Turn) -> bool:
    """Return whether a reply has an ordered list, ≥ 2 imperative action verbs, or a URL, path, code or quoted label."""
    return bool(reply.cues & {"ordered_list", "points_to"}) or count_actions(reply.plain) >= VERBS


def count_actions(text: str) -> int:
    """Return how many different action verbs stand in the imperative."""
    return len({verb.lower() for verb in _imperative().findall(text)})


@cache
def _imperative() -> Any:
    return re2.compile(_IMPERATIVE)
