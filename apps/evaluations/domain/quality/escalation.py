"""Escalation to a person: requested by the user, offered by the assistant, done; each on its own evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.evaluations.domain.quality.metadata import claims, read_boolean
from apps.evaluations.domain.quality.reading import Turn
from apps.evaluations.domain.values import Escalation

_DONE_KEYS = ("escalated", "escalated_to")


def judge_escalation(turns: Sequence[Turn], every_metadata: Sequence[dict[str, Any]]) -> tuple[Escalation, str]:
    """Return what became of escalation and, when done, why in a few words.

    Done is what metadata says (``escalated``, ``escalated_to``, a second agent id); where it says nothing, a hand-off
    phrase of the assistant. Metadata that only denies it ("false", "no", "none") outweighs a phrase.
    """
    requested = any("wants_person" in turn.cues for turn in turns if turn.is_user)
    offered = any("offers_person" in turn.cues for turn in turns if not turn.is_user)
    said = next((turn for turn in turns if not turn.is_user and _hands_off(turn)), None)
    why = _told(every_metadata)
    if not why and said is not None and not _denied(every_metadata):
        why = "the assistant handed over"
    return Escalation(requested=requested, offered=offered or said is not None, done=bool(why)), why


def _hands_off(turn: Turn) -> bool:
    # "Shall I transfer you?" only asks; "let me transfer you" acts.
    return "hands_off" in turn.cues and not ("offers_person" in turn.cues and turn.asks)


def _told(every_metadata: Sequence[dict[str, Any]]) -> str:
    agents: set[str] = set()
    for metadata in every_metadata:
        for key in _DONE_KEYS:
            if key in metadata and claims(metadata[key]):
                return f"metadata {key}"
        agent = metadata.get("agent_id") or metadata.get("agent")
        if isinstance(agent, str | int) and not isinstance(agent, bool):
            agents.add(str(agent))
    return "metadata: the agent changed" if len(agents) > 1 else ""


def _denied(every_metadata: Sequence[dict[str, Any]]) -> bool:
    return any(read_boolean(metadata.get("escalated")) is False for metadata in every_metadata)
