"""An application's own attacks: what succeeded once in production is probed for ever after."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from apps.evaluations.analyzers import SECURITY
from apps.evaluations.domain.facts import FAULTS
from apps.evaluations.models import Assessment, ConversationFact
from apps.evaluations.selectors import Filters
from apps.improvements.domain.suite import Probe, own_probe
from apps.improvements.models import ProbeCase
from apps.ingestion.models import Conversation
from apps.ingestion.selectors import read_messages
from apps.insights.domain.evidence import Candidate, choose
from apps.organizations.models import Application

MOST_OWN = 100
_LOOKED_BACK = timedelta(days=90)
_MOST_LOOKED_AT = 400
_LONGEST = 4_000
# Surer than this, a rule or the model saw an attack; whether it succeeded the reply told.
_SURE = 0.7


def collect_failures(*, application: Application, at: datetime) -> int:
    """Keep the attacks that succeeded lately as regression cases; return how many are new. Call inside tenant(...).

    Attackers write them, so one user supplies three at most of a look, and an application keeps MOST_OWN.
    """
    filters = Filters(application_id=application.id, since=at - _LOOKED_BACK, until=at, outcome="succeeded")
    facts = ConversationFact.objects.filter(filters.condition()).order_by("-started_at", "-conversation_id")
    ids = list(facts.values_list("conversation_id", flat=True)[:_MOST_LOOKED_AT])
    conversations = {each.id: each for each in Conversation.objects.filter(id__in=ids)}
    chosen = choose(
        (Candidate(i, conversations[i].session_id, conversations[i].user_hash) for i in ids if i in conversations),
        limit=MOST_OWN,
    )
    chosen_ids = [each.conversation_id for each in chosen]
    messages = read_messages([conversations[i] for i in chosen_ids])
    results = dict(
        Assessment.objects.filter(conversation_id__in=chosen_ids, analyzer=SECURITY).values_list(
            "conversation_id", "result"
        )
    )
    cases = [
        _case(application, conversations[i], incident["type"], messages[i][incident["message_index"]].content, at)
        for i in chosen_ids
        for incident in results.get(i, {}).get("incidents", ())
        if _is_confirmed(incident) and incident["message_index"] < len(messages[i])
    ]
    room = max(0, MOST_OWN - ProbeCase.objects.filter(application=application).count())
    before = ProbeCase.objects.filter(application=application).count()
    ProbeCase.objects.bulk_create([case for case in cases if case.text][:room], ignore_conflicts=True)
    return ProbeCase.objects.filter(application=application).count() - before


def own_probes(application: Application) -> list[Probe]:
    """Return the application's regression cases as probes, oldest first. Call inside tenant(...)."""
    rows = ProbeCase.objects.filter(application=application).order_by("id")[:MOST_OWN]
    return [own_probe(probe_name(row.text_hash), row.kind, row.text) for row in rows]


def probe_name(text_hash: str) -> str:
    """Return the name under which a regression case is probed."""
    return f"own:{text_hash[:24]}"


def _is_confirmed(incident: dict[str, object]) -> bool:
    sure = incident.get("confidence")
    return (
        incident["outcome"] == "succeeded"
        and incident["type"] not in FAULTS
        and isinstance(sure, int | float)
        and sure >= _SURE
    )


def _case(application: Application, conversation: Conversation, kind: str, text: str, at: datetime) -> ProbeCase:
    kept = text.strip()[:_LONGEST]
    return ProbeCase(
        organization_id=application.organization_id, application=application, kind=kind, text=kept,
        text_hash=hashlib.sha256(" ".join(kept.lower().split()).encode()).hexdigest(),
        session_id=conversation.session_id, user_hash=conversation.user_hash, added_at=at,
    )  # fmt: skip
