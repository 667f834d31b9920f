"""A place in a list of conversations, newest first: for the API and the portal alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apps.evaluations.models import ConversationFact
from apps.platform.api.cursors import NOT_OURS, decode_cursor
from apps.platform.api.problems import Problem


def key_of(fact: ConversationFact) -> Sequence[Any]:
    """Return the sort key of a conversation, as cursors hold it."""
    return [fact.started_at.isoformat(), fact.conversation_id]


def read_key(cursor: str | None) -> tuple[datetime, int] | None:
    """Return the key after which the list goes on, None for its beginning. Raises a 400 problem."""
    if not cursor:
        return None
    moment, conversation_id = decode_cursor(cursor, 2)
    try:
        key = (datetime.fromisoformat(moment), int(conversation_id))
        if key[0].tzinfo is None:
            raise ValueError(moment)
    except (TypeError, ValueError) as error:
        raise Problem(400, "bad_cursor", NOT_OURS) from error
    return key
