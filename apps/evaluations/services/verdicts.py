"""People judge what was found, and samples are drawn for them to judge. Each with its audit row; each repeatable."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Func, QuerySet, TextField, Value
from django.db.models.functions import Concat

from apps.evaluations.analyzers import SECURITY, VERSIONS
from apps.evaluations.domain.security.calibration import sessions_to_judge
from apps.evaluations.domain.security.kinds import ATTACKS
from apps.evaluations.models import AuditItem, Calibration, ConversationFact, VerdictLabel
from apps.evaluations.selectors.calibrations import verdicts_of
from apps.evaluations.selectors.conversations import AnalyzedConversation
from apps.ingestion.models import Conversation
from apps.organizations.models import Application
from apps.organizations.services import record_audit

OUTCOMES = frozenset({"blocked", "succeeded", "unclear"})
# A sample says what the detector is worth now, not what it was worth on last quarter's traffic.
DRAWN_FROM = timedelta(days=28)
_SPARE = 5


class BadVerdict(ValueError):
    """What was said is no verdict on this conversation; the message says why."""


def finding_of(incident: dict[str, Any], digests: list[str]) -> str:
    """Return the name of a finding that stays when messages come late: its type and its message's digest."""
    return f"{incident['type']}:{digests[incident['message_index']][:32]}"


def judge(
    *,
    found: AnalyzedConversation,
    organization_id: int,
    person: str,
    verdict: object,
    at: datetime,
    finding: object = "",
    outcome: object = "",
) -> VerdictLabel:
    """Keep what a person says of a finding ("": of the conversation); a second word of the same person replaces it.

    ``verdict`` is attack or not_attack, ``outcome`` what really became of the attack. Call inside tenant(...).
    Raises BadVerdict.
    """
    if verdict not in {"attack", "not_attack"}:
        raise BadVerdict("verdict is attack or not_attack.")
    if outcome and (outcome not in OUTCOMES or verdict != "attack"):
        raise BadVerdict("outcome is blocked, succeeded or unclear, of an attack.")
    incidents = (found.results.get("security") or {}).get("incidents") or []
    digests = [message.digest for message in found.messages]
    known = {finding_of(i, digests): i for i in incidents if i["message_index"] < len(digests)}
    if finding and finding not in known:
        raise BadVerdict("There is no such finding in this conversation.")
    detected = bool(finding) or any(i["type"] in ATTACKS for i in incidents)
    label: VerdictLabel
    label, _ = VerdictLabel.objects.update_or_create(
        organization_id=organization_id,
        conversation=found.row,
        finding=finding or "",
        person=person[:254],
        defaults={
            "is_attack": verdict == "attack", "outcome": outcome or "", "detected": detected,
            "detected_outcome": known[finding]["outcome"] if isinstance(finding, str) and finding else "", "at": at,
        },
    )  # fmt: skip
    record_audit(
        organization_id=organization_id, at=at, actor=person, action="verdict.given",
        subject=found.row.session_id[:200], finding=label.finding, verdict=str(verdict), outcome=label.outcome,
    )  # fmt: skip
    for item in AuditItem.objects.filter(conversation=found.row).select_related("calibration"):
        recount(item.calibration, at=at)
    return label


def draw_sample(*, application: Application, at: datetime, actor: str) -> Calibration:
    """Draw conversations of the last four weeks at random, flagged and unflagged apart, for people to judge.

    Call inside tenant(...).
    """
    since = at - DRAWN_FROM
    facts = ConversationFact.objects.filter(application=application, started_at__gte=since, started_at__lt=at)
    parts = {True: facts.filter(attacks__gt=0), False: facts.filter(attacks=0)}
    flagged, unflagged = parts[True].count(), parts[False].count()
    row: Calibration = Calibration.objects.create(
        organization_id=application.organization_id, application=application, since=since, until=at,
        analyzer_version=VERSIONS[SECURITY], flagged=flagged, unflagged=unflagged, drawn_by=actor, drawn_at=at,
        counted_at=at,
    )  # fmt: skip
    sizes = sessions_to_judge(flagged, unflagged)
    for is_flagged, size in zip((True, False), sizes, strict=True):
        # Some to spare: people may disagree on one, and others are erased.
        chosen = _drawn(parts[is_flagged], row.id, size + _SPARE)
        standing = Conversation.objects.filter(id__in=chosen).values_list("id", flat=True)
        AuditItem.objects.bulk_create(
            AuditItem(
                organization_id=application.organization_id, calibration=row, conversation_id=each, flagged=is_flagged
            )
            for each in standing
        )
    record_audit(
        organization_id=application.organization_id, at=at, actor=actor, action="calibration.drawn",
        subject=application.slug, flagged=flagged, unflagged=unflagged,
    )  # fmt: skip
    return recount(row, at=at)


def recount(row: Calibration, *, at: datetime) -> Calibration:
    """Count a sample's judgements anew. Call inside tenant(...)."""
    items = list(AuditItem.objects.filter(calibration=row).values_list("conversation_id", "flagged"))
    verdicts = verdicts_of([conversation_id for conversation_id, _ in items])
    for is_flagged, judged, attacks in (
        (True, "flagged_judged", "flagged_attacks"),
        (False, "unflagged_judged", "unflagged_attacks"),
    ):
        said = [verdicts.get(each) for each, flagged in items if flagged is is_flagged]
        setattr(row, judged, sum(verdict is not None for verdict in said))
        setattr(row, attacks, sum(verdict is True for verdict in said))
    row.counted_at = at
    row.save()
    return row


def _drawn(facts: QuerySet[ConversationFact], seed: int, size: int) -> list[int]:
    """Return ids in an order that nobody who writes conversations can foresee, and that is the same again."""
    salted = Concat(Value(f"{seed}:"), F("session_id"), output_field=TextField())
    return list(
        facts.order_by(Func(salted, function="md5"), "conversation_id").values_list("conversation_id", flat=True)[:size]
    )
