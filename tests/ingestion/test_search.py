"""Text search: newest days first, so that a word most conversations hold finds the newest of them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection

from apps.ingestion.selectors import search
from apps.ingestion.services.accepting import accept
from apps.ingestion.services.storing import store_batch
from apps.organizations.models import Organization
from apps.platform.tenancy import tenant
from tests.factories import AT, make_application, make_organization

pytestmark = pytest.mark.django_db


def say(organization: Organization, session: str, words: str, day: int) -> None:
    at = AT + timedelta(days=day)
    line = {"session_id": session, "role": "user", "message": words, "timestamp": at.isoformat()}
    taken = accept(
        json.dumps(line).encode(), organization=organization, application_id=make_application(organization).id, at=at
    )
    store_batch(organization_id=organization.id, batch_id=str(taken.batch_id))


def found(words: str, most: int) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.session_id FROM flywheel_search(%s, %s) AS f JOIN ingestion_conversation c"
            " ON c.id = f.conversation_id ORDER BY c.captured_on DESC",
            [words, most],
        )
        return [session for (session,) in cursor.fetchall()]


@pytest.fixture
def acme() -> Organization:
    organization = make_organization("acme")
    for day in range(4):
        say(organization, f"day-{day}", "my parcel is late" if day else "my parcel is blue", day)
    return organization


def test_of_more_than_are_shown_the_newest_are_found(acme: Organization) -> None:
    with tenant(acme.id):
        assert found("parcel", 2) == ["day-3", "day-2"]
        assert found("parcel", 10) == ["day-3", "day-2", "day-1", "day-0"]


def test_old_days_are_reached_for_a_rare_word(acme: Organization) -> None:
    with tenant(acme.id):
        assert found("blue", 2) == ["day-0"]
        assert found("parcel -late", 2) == ["day-0"]


@pytest.mark.parametrize("words", ["snow", "", "'\"; -- \\ :* & |", "-"])
def test_what_nobody_said_or_no_word_at_all_finds_nothing(acme: Organization, words: str) -> None:
    with tenant(acme.id):
        assert search(words) == []


def test_another_organizations_words_are_not_found(acme: Organization) -> None:
    with tenant(make_organization("other").id):
        assert search("parcel") == []
