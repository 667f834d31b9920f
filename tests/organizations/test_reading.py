"""Who reads which conversation is written down where the organization asks for it: bounded, and nowhere else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.evaluations.selectors import find_conversation
from apps.evaluations.services import pinning
from apps.ingestion.models import Conversation
from apps.organizations.models import AuditEvent, Organization
from apps.organizations.services.reading import note_reading
from apps.platform.tenancy import tenant
from tests.factories import AT, capture, make_key, make_organization
from tests.portal.world import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    organization = make_organization("shop")
    capture(organization, [{"session_id": "s-1", "role": "user", "message": "hello", "timestamp": AT.isoformat()}])
    return organization


def client_of(organization: Organization, role: str) -> Client:
    client = Client()
    email = f"{role}@shop.test"
    user = User.objects.filter(email=email).first() or make_member(organization, role, email)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def conversation_of(organization: Organization) -> int:
    with tenant(organization.id):
        return Conversation.objects.get().id


def readings() -> list[tuple[str, str, str]]:
    rows = AuditEvent.objects.filter(action="conversation.read").order_by("id")
    return [(row.actor, row.subject, row.detail["where"]) for row in rows]


def ask(organization: Organization, *, asked: bool = True) -> None:
    form = {"form": "safety"} | ({"audit_reads": "on"} if asked else {})
    assert client_of(organization, "admin").post(reverse("organization"), form).status_code == 302


def test_nothing_is_written_where_nobody_asked(organization: Organization) -> None:
    assert client_of(organization, "viewer").get(f"/conversations/{conversation_of(organization)}/").status_code == 200

    assert readings() == []


def test_a_page_a_copy_and_the_api_say_who_read_which(organization: Organization) -> None:
    ask(organization)
    number, viewer = conversation_of(organization), client_of(organization, "viewer")
    with tenant(organization.id):
        found = find_conversation("s-1", None)
        assert found is not None
        pin = pinning.pin(found=found, organization=organization, reason="kept", at=AT, actor="test")

    for _ in range(3):
        viewer.get(f"/conversations/{number}/")
    client_of(organization, "analyst").get(f"/pinned/{pin.id}/")
    secret = make_key(organization, "read")
    Client().get("/api/v1/conversations/s-1", headers={"Authorization": f"Bearer {secret}"})

    assert readings() == [
        ("viewer@shop.test", str(number), "page"),
        ("analyst@shop.test", str(number), "copy"),
        (f"key {secret.split('_')[2]}", str(number), "api"),
    ]


def test_a_file_is_one_line_with_its_filters(organization: Organization) -> None:
    ask(organization)

    client_of(organization, "viewer").get("/conversations.csv", {"min_risk": "0.5"})

    row = AuditEvent.objects.get(action="conversations.exported")
    assert (row.actor, row.detail) == ("viewer@shop.test", {"min_risk": "0.5"})


def test_an_hour_later_it_is_another_reading(organization: Organization) -> None:
    ask(organization)
    organization.refresh_from_db()

    for minutes in (0, 30, 59, 61, 90):
        note_reading(
            organization=organization, conversation_id=7, at=AT + timedelta(minutes=minutes), actor="ann", where="page"
        )

    assert len(readings()) == 2


def test_the_setting_is_the_administrators_and_on_the_record(organization: Organization) -> None:
    assert client_of(organization, "viewer").post(reverse("organization"), {"audit_reads": "on"}).status_code == 403
    ask(organization)
    ask(organization)
    ask(organization, asked=False)

    changes = AuditEvent.objects.filter(action="organization.audit_reads").order_by("id")
    assert [each.detail["asked"] for each in changes] == [True, False]
