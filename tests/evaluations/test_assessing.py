"""Shards that run twice, late or beside another: what is newer stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.evaluations.models import Assessment, ConversationFact
from apps.evaluations.services import assessing
from apps.ingestion.models import Conversation
from apps.platform.tenancy import tenant
from tests.factories import capture, make_organization

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 3, tzinfo=UTC)


def test_a_shard_that_read_earlier_and_writes_later_leaves_the_newer_fact_and_assessments() -> None:
    organization = make_organization()
    turn = {"session_id": "s", "role": "user", "message": "Hello", "timestamp": "2026-11-02T10:00:00Z"}
    capture(organization, [turn, {**turn, "session_id": "t"}])

    with tenant(organization.id):
        late, other = Conversation.objects.order_by("session_id")
        late.content_version, late.agent, other.agent = late.content_version - 1, "of-yesterday", "of-today"
        assessing.assess([late, other], organization=organization, at=AT)

        assert dict(ConversationFact.objects.values_list("session_id", "agent")) == {"s": "", "t": "of-today"}
        assert set(Assessment.objects.values_list("content_version", flat=True)) == {1}
        assert Conversation.objects.filter(assessed_version=1).count() == 2
