"""Erasing a person: transcripts, facts and the lines they came in go; open rollups are made anew without them.

Frozen reports and decided experiments keep their aggregates, which name nobody; what points at the conversations
answers that they were erased. It is done by the keyed hash of the user's id, in pieces, and may be done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from apps.evaluations.models import ConversationFact, FactAssignment
from apps.ingestion.domain.digests import unit_hash
from apps.ingestion.models import Erasure
from apps.ingestion.services.forgetting import (
    Forgotten,
    forget_conversations,
    forget_lines,
    forget_outcomes,
    next_conversations,
)
from apps.organizations import selectors as organizations
from apps.organizations.models import Organization
from apps.organizations.services import record_audit
from apps.platform import clock, work
from apps.platform.tenancy import tenant

_AT_ONCE = 500


def hash_of(organization: Organization, user_id: str) -> str:
    """Return the keyed hash under which a user's id is kept."""
    return unit_hash(bytes.fromhex(organization.secret), user_id)


def ask_erasure(*, organization_id: int, person: str, at: datetime, actor: str) -> Erasure:
    """Have a person erased, by their keyed hash; asked again, what came since goes too. Call inside tenant(...)."""
    erasure: Erasure
    erasure, _ = Erasure.objects.update_or_create(
        organization_id=organization_id, unit_hash=person,
        defaults={"status": Erasure.Status.ASKED, "asked_by": actor, "asked_at": at, "finished_at": None},
    )  # fmt: skip
    record_audit(
        organization_id=organization_id, at=at, actor=actor, action="person.erasure_asked", subject=person[:12]
    )
    work.ask("evaluations.erase", organization_id=organization_id, key=person)
    return erasure


def erase(*, organization_id: int, person: str) -> dict[str, int]:
    """Erase what there is of a person; return how much of each kind went. Repeatable; killed half-way it goes on."""
    lines = forget_lines(organization_id=organization_id, unit_hash=person)
    counts = {"lines": lines, "conversations": 0, "facts": 0, "outcomes": 0}
    days: set[tuple[int, str]] = set()
    while conversations := next_conversations(organization_id=organization_id, unit_hash=person):
        with tenant(organization_id):
            counts["facts"] += _forget_facts(_facts_of(conversations), days)
            deleted, outcomes = forget_conversations(conversations)
            counts["conversations"] += deleted
            counts["outcomes"] += outcomes
            _ask_rollups(organization_id, days)
    # Facts outlive their text: retention has taken these transcripts, not what was counted of them.
    while True:
        with tenant(organization_id):
            found = list(ConversationFact.objects.filter(unit_hash=person).order_by("id")[:_AT_ONCE])
            if not found:
                break
            counts["facts"] += _forget_facts(found, days)
            _ask_rollups(organization_id, days)
    counts["outcomes"] += forget_outcomes(organization_id=organization_id, unit_hash=person)
    organization = Organization.objects.get(id=organization_id)
    at = clock.now(organization)
    with tenant(organization_id):
        Erasure.objects.filter(unit_hash=person).update(status=Erasure.Status.DONE, finished_at=at, counts=counts)
        record_audit(
            organization_id=organization_id, at=at, actor="flywheel", action="person.erased", subject=person[:12],
            **counts,
        )  # fmt: skip
    return counts


def list_erasures() -> list[dict[str, Any]]:
    """Return every organization's finished erasures, as ``erase_again`` takes them: hashes, no names."""
    told = []
    for organization in organizations.list_organizations():
        with tenant(organization.id):
            rows = Erasure.objects.filter(status=Erasure.Status.DONE).order_by("id")
            told += [
                {"organization": organization.slug, "person": each.unit_hash, "asked_by": each.asked_by,
                 "asked_at": each.asked_at.isoformat()}
                for each in rows.iterator(chunk_size=1_000)
            ]  # fmt: skip
    return told


def erase_again(told: Iterable[Mapping[str, Any]]) -> int:
    """Apply erasures to a restored database; return how many. Organizations that are not there are passed over."""
    applied = 0
    for each in told:
        organization = organizations.get_organization(str(each["organization"]))
        if organization is None:
            continue
        at = parse_datetime(str(each["asked_at"])) or clock.now(organization)
        with tenant(organization.id):
            ask_erasure(organization_id=organization.id, person=str(each["person"]), at=at, actor=str(each["asked_by"]))
        erase(organization_id=organization.id, person=str(each["person"]))
        applied += 1
    return applied


def _facts_of(conversations: list[Forgotten]) -> list[ConversationFact]:
    ids = [each.conversation_id for each in conversations]
    return list(ConversationFact.objects.filter(conversation_id__in=ids))


def _forget_facts(facts: list[ConversationFact], days: set[tuple[int, str]]) -> int:
    days.clear()
    days |= {(fact.application_id, fact.day.isoformat()) for fact in facts}
    conversations = [fact.conversation_id for fact in facts]
    FactAssignment.objects.filter(conversation_id__in=conversations).delete()
    deleted: int = ConversationFact.objects.filter(conversation_id__in=conversations).delete()[0]
    return deleted


def _ask_rollups(organization_id: int, days: set[tuple[int, str]]) -> None:
    for application_id, day in sorted(days):
        work.ask("evaluations.roll_up", organization_id=organization_id, key=f"{application_id}:{day}")
