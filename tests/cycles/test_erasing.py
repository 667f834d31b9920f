"""A person erased: transcripts, facts, outcomes and the lines they came in; nobody else, and no report's totals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import zstandard
from django.test import Client

from apps.cycles.services.erasing import ask_erasure, erase, erase_again, hash_of, list_erasures
from apps.evaluations.models import Assessment, ConversationFact
from apps.evaluations.selectors import Filters, read_metrics
from apps.evaluations.services import rollups
from apps.ingestion.models import Batch, Conversation, Erasure, Message, Outcome
from apps.ingestion.services import storing
from apps.organizations.models import AuditEvent, Organization
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from tests.factories import AT, capture, make_key, make_organization, push

pytestmark = pytest.mark.django_db
SECRET = "the violet umbrella"


def said(session: str, user: str, text: str = "hello") -> list[dict[str, Any]]:
    return [
        {"session_id": session, "role": role, "message": message, "timestamp": (AT + timedelta(seconds=n)).isoformat(),
         "metadata": {"user_id": user}}
        for n, (role, message) in enumerate([("user", text), ("assistant", "Of course.")])
    ]  # fmt: skip


@pytest.fixture
def organization() -> Organization:
    organization = make_organization()
    capture(organization, [*said("a1", "ana", SECRET), *said("b1", "ben"), *said("a2", "ana")])
    return organization


def ask(organization: Organization, user: str) -> str:
    person = hash_of(organization, user)
    with tenant(organization.id):
        ask_erasure(organization_id=organization.id, person=person, at=AT, actor="test")
    return person


def test_everything_of_the_person_goes_and_nothing_of_anybody_else(organization: Organization) -> None:
    Client().post(
        "/api/v1/outcomes?application=support",
        [{"session_id": "a1", "metric": "csat", "value": 5, "timestamp": AT.isoformat(), "id": "o1"}],
        content_type="application/json", headers={"Authorization": f"Bearer {make_key(organization, 'ingest')}"},
    )  # fmt: skip
    person = ask(organization, "ana")

    counts = erase(organization_id=organization.id, person=person)

    assert counts == {
        "lines": 4,
        "conversations": 2,
        "facts": 2,
        "outcomes": 1,
        "exposures": 0,
        "cases": 0,
        "pinned": 0,
    }
    with tenant(organization.id):
        assert list(Conversation.objects.values_list("session_id", flat=True)) == ["b1"]
        assert list(ConversationFact.objects.values_list("session_id", flat=True)) == ["b1"]
        assert Message.objects.count() == 2
        assert not Outcome.objects.exists()
        assert set(Assessment.objects.values_list("conversation__session_id", flat=True)) == {"b1"}
        payloads = [zstandard.decompress(bytes(batch.payload)) for batch in Batch.objects.all()]
        assert not any(SECRET.encode() in payload for payload in payloads)
        assert Erasure.objects.get().status == "done"
    actions = AuditEvent.objects.filter(organization=organization, action__startswith="person.")
    assert sorted(actions.values_list("action", flat=True)) == ["person.erased", "person.erasure_asked"]


def test_rollups_are_made_anew_without_the_person(organization: Organization) -> None:
    with tenant(organization.id):
        fact = ConversationFact.objects.first()
        assert fact is not None
    rollups.roll_up(organization_id=organization.id, application_id=fact.application_id, day=fact.day)
    WorkItem.objects.all().delete()

    erase(organization_id=organization.id, person=ask(organization, "ana"))

    asked = WorkItem.objects.filter(kind="evaluations.roll_up").values_list("key", flat=True)
    assert list(asked) == [f"{fact.application_id}:{fact.day}"]
    rollups.roll_up(organization_id=organization.id, application_id=fact.application_id, day=fact.day)
    with tenant(organization.id):
        assert read_metrics(Filters(), currency="USD")["conversations"] == 1


def test_a_batch_stored_after_it_brings_nobody_back(organization: Organization) -> None:
    waiting = push(organization, [*said("a3", "ana", SECRET), *said("b2", "ben")])

    erase(organization_id=organization.id, person=ask(organization, "ana"))
    storing.store_batch(organization_id=organization.id, batch_id=waiting)

    with tenant(organization.id):
        assert set(Conversation.objects.values_list("session_id", flat=True)) == {"b1", "b2"}


def test_erasing_twice_erases_nothing_more_and_a_restored_database_is_erased_again(organization: Organization) -> None:
    person = ask(organization, "ana")
    erase(organization_id=organization.id, person=person)
    assert not any(erase(organization_id=organization.id, person=person).values())
    told = list_erasures()
    assert "ana" not in str(told)

    capture(organization, said("a1", "ana", SECRET))  # as a backup of yesterday would bring it back
    assert erase_again([*told, {"organization": "gone", "person": "x", "asked_by": "x", "asked_at": ""}]) == 1

    with tenant(organization.id):
        assert list(Conversation.objects.values_list("session_id", flat=True)) == ["b1"]


def test_another_organizations_person_of_the_same_id_stays(organization: Organization) -> None:
    other = make_organization()
    capture(other, said("a1", "ana"))

    erase(organization_id=organization.id, person=ask(organization, "ana"))

    with tenant(other.id):
        assert Conversation.objects.count() == 1
