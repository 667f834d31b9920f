"""Threat patterns, and the traffic they are made from and measured on. Call inside tenant(...)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from apps.evaluations.analyzers import SECURITY
from apps.evaluations.domain.security.analyzer import SUSPICIOUS
from apps.evaluations.domain.security.candidates import MOST_OF_ONE_USER, Suspicious
from apps.evaluations.domain.security.ngram_scorer import builtin_scorer
from apps.evaluations.models import Assessment, ConversationFact, ThreatPattern
from apps.evaluations.selectors.calibrations import verdicts_of
from apps.evaluations.selectors.filters import Filters
from apps.ingestion.models import Conversation
from apps.ingestion.selectors import read_messages

# Conversations whose messages are read at once, and the most that are looked at.
_PAGE, _MOST_SUSPICIOUS = 500, 2_000
# Candidates of an application beyond these are not proposed: whoever floods it must not fill the page of decisions.
MOST_OPEN = 20


def list_patterns(
    *, status: str | None = None, before: int | None = None, limit: int, name: str | None = None
) -> list[ThreatPattern]:
    """Return a page of the organization's patterns, newest first."""
    rows = ThreatPattern.objects.select_related("application")
    if status:
        rows = rows.filter(status=status)
    if name:
        rows = rows.filter(name=name)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def find_pattern(pattern_id: int) -> ThreatPattern | None:
    """Return one pattern of the current organization."""
    found: ThreatPattern | None = ThreatPattern.objects.select_related("application").filter(id=pattern_id).first()
    return found


def new_patterns(filters: Filters) -> QuerySet[ThreatPattern]:
    """Return the attack patterns found in the traffic, nobody having written them, that began in the period."""
    rows: QuerySet[ThreatPattern] = ThreatPattern.objects.filter(source=ThreatPattern.Source.CLUSTER)
    if filters.application_id is not None:
        rows = rows.filter(application_id=filters.application_id)
    if filters.since is not None:
        rows = rows.filter(first_seen_at__gte=filters.since)
    if filters.until is not None:
        rows = rows.filter(first_seen_at__lt=filters.until)
    return rows


def count_new_patterns(filters: Filters) -> int:
    """Return how many attack patterns were first seen in the period."""
    return new_patterns(filters).count()


class Said(NamedTuple):
    """One message of a user, and the conversation it stands in."""

    text: str
    session_id: str


def harmless_messages(*, application_id: int | None = None, limit: int) -> list[Said]:
    """Return what users said in up to ``limit`` recent conversations that neither rules, nor the model, nor a person
    take for an attack.

    Attackers write this traffic, too: of one user at most ``MOST_OF_ONE_USER`` conversations count, so that nobody
    makes a pattern look harmful to harmless people alone. Where no user is known, everybody is somebody else.
    """
    facts = ConversationFact.objects.filter(attacks=0, findings=[])
    if application_id is not None:
        facts = facts.filter(application_id=application_id)
    newest = list(facts.order_by("-started_at", "-conversation_id").values_list("conversation_id", "unit_hash")[:limit])
    ids = [conversation_id for conversation_id, _ in newest]
    suspected = set(
        Assessment.objects.filter(
            analyzer=SECURITY, conversation_id__in=ids, result__suspicion__gte=SUSPICIOUS
        ).values_list("conversation_id", flat=True)
    )
    suspected |= {conversation_id for conversation_id, verdict in verdicts_of(ids).items() if verdict is not False}
    anonymous = not any(user for _, user in newest)
    taken: Counter[str] = Counter()
    chosen = []
    for conversation_id, user in newest:
        if conversation_id in suspected:
            continue
        taken[user] += 1
        if anonymous or taken[user] <= MOST_OF_ONE_USER:
            chosen.append(conversation_id)
    said = []
    for start in range(0, len(chosen), _PAGE):
        rows = list(Conversation.objects.filter(id__in=chosen[start : start + _PAGE]))
        messages = read_messages(rows)
        said += [Said(m.content, row.session_id) for row in rows for m in messages[row.id] if m.role == "user"]
    return said


def suspicious_messages(*, application_id: int, since: datetime) -> tuple[list[Suspicious], dict[str, datetime]]:
    """Return the users' messages that only the model finds suspicious, and when their conversations began."""
    found = Assessment.objects.filter(
        analyzer=SECURITY,
        conversation__application_id=application_id,
        conversation__started_at__gte=since,
        result__suspicion__gte=SUSPICIOUS,
    ).order_by("-conversation_id")
    results = dict(found.values_list("conversation_id", "result")[:_MOST_SUSPICIOUS])
    items, began = [], {}
    model = builtin_scorer().name
    for start in range(0, len(results), _PAGE):
        rows = list(Conversation.objects.filter(id__in=list(results)[start : start + _PAGE]))
        messages = read_messages(rows)
        for row in rows:
            result, said = results[row.id], messages[row.id]
            place = result.get("suspicious_index")
            ruled = {i["message_index"] for i in result["incidents"] if i["rule"] != model}
            if place is None or place in ruled or place >= len(said):
                continue
            items.append(Suspicious(said[place].content, row.user_hash, row.session_id, result["suspicion"]))
            began[row.session_id] = row.started_at
    return items, began
