"""Partitions are kept ahead; text past its organization's retention goes, facts stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from apps.evaluations.models import ConversationFact
from apps.ingestion.models import Batch, Conversation, Message, RejectedLine, SealedLines
from apps.ingestion.services.retention import AHEAD, maintain
from apps.organizations.models import Application, Organization
from apps.platform.tenancy import tenant
from tests.factories import capture, make_organization

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def capture_session(organization: Organization, session: str) -> None:
    capture(
        organization, [{"session_id": session, "role": "user", "message": "hello", "timestamp": "1999-01-01T00:00:00Z"}]
    )


def partitions() -> set[str]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'ingestion_message'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}


def move(organization: Organization, to: datetime) -> None:
    Organization.objects.filter(id=organization.id).update(clock_at=to)
    organization.clock_at = to


@pytest.mark.usefixtures("committed")
def test_text_goes_when_its_days_are_over_and_facts_stay() -> None:
    short = make_organization(sandbox=True, clock_at=NOW, retention_days=7)
    long = make_organization(sandbox=True, clock_at=NOW, retention_days=90)
    for organization in (short, long):
        capture_session(organization, "old")
        move(organization, NOW + timedelta(days=6))
        capture_session(organization, "new")
        move(organization, NOW + timedelta(days=8))

    done = maintain(at=NOW)

    assert (done["conversations_deleted"], done["batches_deleted"]) == (1, 1)
    with tenant(short.id):
        assert list(Conversation.objects.values_list("session_id", flat=True)) == ["new"]
        assert Message.objects.filter(organization=short).count() == 1
        assert Batch.objects.count() == 1
        assert ConversationFact.objects.count() == 2
    with tenant(long.id):
        assert Conversation.objects.count() == 2
    assert maintain(at=NOW)["conversations_deleted"] == 0


@pytest.mark.usefixtures("committed")
def test_an_application_may_keep_its_texts_shorter_or_longer_than_its_organization() -> None:
    organization = make_organization(sandbox=True, clock_at=NOW, retention_days=10)
    for slug, days in (("brief", 5), ("long", 20), ("as-told", None)):
        said = {"session_id": "s", "role": "user", "message": "hello"}
        capture(organization, [said], application=slug)
        with tenant(organization.id):
            Application.objects.filter(slug=slug).update(retention_days=days)

    left = []
    for passed in (6, 11, 21):
        move(organization, NOW + timedelta(days=passed))
        maintain(at=NOW)
        with tenant(organization.id):
            left.append(sorted(Conversation.objects.values_list("application__slug", flat=True)))

    assert left == [["as-told", "long"], ["long"], []]


@pytest.mark.usefixtures("committed")
def test_originals_of_rejected_lines_go_after_a_week_and_their_reasons_stay() -> None:
    organization = make_organization(sandbox=True, clock_at=NOW)
    capture(organization, [{"session_id": "s", "role": "user", "message": "hello"}, {"role": "user"}])

    early = maintain(at=NOW)["originals_deleted"]
    move(organization, NOW + timedelta(days=7))
    late = maintain(at=NOW)["originals_deleted"]

    assert (early, late) == (0, 1)
    with tenant(organization.id):
        assert (SealedLines.objects.count(), RejectedLine.objects.count(), Batch.objects.count()) == (0, 1, 1)


@pytest.mark.usefixtures("committed")
def test_partitions_are_made_ahead_dropped_behind_and_never_from_event_time() -> None:
    organization = make_organization(retention_days=30)
    capture_session(organization, "an event of 1999")
    before = partitions()

    then = NOW + timedelta(days=1000)
    maintain(at=then)
    ahead = partitions() - before
    again = maintain(at=then)
    later = maintain(at=then + timedelta(days=60))

    assert ahead == {f"ingestion_message_{then + timedelta(days=n):%Y%m%d}" for n in range(AHEAD + 1)}
    assert (again["partitions_made"], again["partitions_dropped"]) == (0, 0)
    assert later["partitions_dropped"] >= AHEAD + 1
    assert not ahead & partitions()
    assert not any("1999" in name for name in partitions())
