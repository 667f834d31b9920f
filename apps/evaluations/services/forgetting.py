"""What analysis knows of a person, taken away. Assessments and verdicts go with their conversations by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from apps.evaluations.models import ConversationFact, FactAssignment, PinnedConversation, ThreatPattern
from apps.ingestion.domain.naming import without
from apps.ingestion.services.forgetting import Session, Trace
from apps.organizations.models import SavedView
from apps.organizations.services.auditing import forget_names
from apps.platform import work


@dataclass(frozen=True)
class ForgottenFacts:
    """How many facts went, and the assignments that only they told of."""

    facts: int
    assignments: frozenset[str]


def sessions_in_facts(*, unit_hash: str) -> set[Session]:
    """Return the sessions of a person that were counted, those included whose text is gone. Call inside tenant(...)."""
    return set(ConversationFact.objects.filter(unit_hash=unit_hash).values_list("application_id", "session_id"))


def forget_facts(trace: Trace) -> ForgottenFacts:
    """Delete what was counted of these conversations, and have their days counted anew. Call inside tenant(...)."""
    facts = list(ConversationFact.objects.filter(conversation_id__in=trace.conversations))
    # Facts outlive their text: retention has taken these transcripts, not what was counted of them.
    orphans = ConversationFact.objects.filter(unit_hash=trace.unit_hash, session_id__in=trace.names)
    facts += [each for each in orphans if (each.application_id, each.session_id) in trace.sessions]
    gone = {each.conversation_id for each in facts}
    echoed = FactAssignment.objects.filter(conversation_id__in=gone)
    assignments = frozenset(echoed.values_list("assignment_id", flat=True))
    echoed.delete()
    ConversationFact.objects.filter(conversation_id__in=gone).delete()
    for application_id, day in sorted({(each.application_id, each.day) for each in facts}):
        work.ask("evaluations.roll_up", organization_id=facts[0].organization_id, key=f"{application_id}:{day}")
    return ForgottenFacts(len(gone), assignments)


def forget_pinned(trace: Trace) -> int:
    """Delete the copies that were pinned of the person's conversations; return how many. Call inside tenant(...)."""
    theirs = PinnedConversation.objects.filter(user_hash=trace.unit_hash).values_list("id", flat=True)
    named = PinnedConversation.objects.filter(session_id__in=trace.names)
    ids = {*theirs, *(each.id for each in named if (each.application_id, each.session_id) in trace.sessions)}
    return int(PinnedConversation.objects.filter(id__in=ids).delete()[0])


def forget_mentions(trace: Trace, *, organization_id: int) -> None:
    """Take the sessions out of threat patterns, with their examples, of saved views, and of the audit trail.

    Whose message an example was is not kept beside it, so all of such a pattern's go. What the pattern matches stays:
    at least two users said it. Call inside tenant(...).
    """
    if not trace.names:
        return
    for pattern in ThreatPattern.objects.select_for_update().filter(sessions__has_any_keys=list(trace.names)):
        pattern.sessions, pattern.examples = without(pattern.sessions, trace.names), []
        pattern.save(update_fields=["sessions", "examples"])
    for view in SavedView.objects.filter(query__contains="q=").iterator(chunk_size=500):
        if trace.names & set(dict(parse_qsl(view.query)).values()):
            view.delete()
    forget_names(organization_id=organization_id, names=trace.names)
