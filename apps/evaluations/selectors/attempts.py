"""The attacks of a period as attempts of users: what behaviour across sessions is read from."""

from __future__ import annotations

from apps.evaluations.analyzers import SECURITY
from apps.evaluations.domain.facts import FAULTS
from apps.evaluations.domain.security.behaviour import Attempt
from apps.evaluations.models import Assessment, ConversationFact
from apps.evaluations.selectors.filters import Filters

_PAGE = 2000
_COLUMNS = ("result", "conversation__session_id", "conversation__user_hash", "conversation__started_at")


def read_attempts(filters: Filters) -> list[Attempt]:
    """Return every attack of the conversations that pass, in no order.

    An attempt stands at the time its conversation began; its text is the masked evidence.
    """
    facts = ConversationFact.objects.filter(filters.condition(), attacks__gt=0).values("conversation_id")
    rows = Assessment.objects.filter(conversation_id__in=facts, analyzer=SECURITY).values_list(*_COLUMNS)
    return [
        Attempt(
            user=user,
            at=started_at,
            session_id=session_id,
            type=incident["type"],
            severity=incident["severity"],
            technique=incident["rule"],
            text=incident["evidence"],
            outcome=incident["outcome"],
        )
        for result, session_id, user, started_at in rows.iterator(_PAGE)
        for incident in result["incidents"]
        if incident["type"] not in FAULTS
    ]
