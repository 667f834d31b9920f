"""The attacks of a period as attempts of users: what behaviour across sessions is read from."""

from __future__ import annotations

import orjson
from django.db.models import TextField
from django.db.models.functions import Cast

from apps.evaluations.analyzers import SECURITY
from apps.evaluations.domain.facts import FAULTS
from apps.evaluations.domain.security.behaviour import Attempt
from apps.evaluations.models import Assessment, ConversationFact
from apps.evaluations.selectors.filters import FOUND, Filters

_PAGE = 2000
_COLUMNS = (
    "text", "conversation__session_id", "conversation__user_hash", "conversation__started_at",
    "conversation__application_id",
)  # fmt: skip


def read_attempts(filters: Filters) -> list[Attempt]:
    """Return every attack of the conversations that pass, in no order.

    An attempt stands at the time its conversation began; its text is the masked evidence.
    """
    facts = ConversationFact.objects.filter(filters.condition(), FOUND, attacks__gt=0).values("conversation_id")
    # jsonb leaves as text: Django's own decoding costs more than the query.
    found = Assessment.objects.filter(conversation_id__in=facts, analyzer=SECURITY)
    rows = found.annotate(text=Cast("result", TextField())).values_list(*_COLUMNS)
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
            application_id=application_id,
        )
        for text, session_id, user, started_at, application_id in rows.iterator(_PAGE)
        for incident in orjson.loads(text)["incidents"]
        if incident["type"] not in FAULTS
    ]
