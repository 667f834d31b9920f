"""Pages without a browser: how many queries they take, what they answer to whom, and that reading changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.views.defaults import server_error

from apps.ingestion.models import Batch, Conversation
from apps.insights.models import Insight
from apps.organizations.models import AuditEvent, Membership
from apps.platform.api.cursors import encode_cursor
from apps.platform.tenancy import tenant
from flywheel.bench.pages import PAGES, SEARCHES
from tests.portal.world import World

MOST_QUERIES = 12
# What this world has beyond a benchmark's.
MORE = (
    "/improvements/{shield}/",
    "/experiments/plan/?application=support&gate_1=churn_rate&margin_1=2",
)
READ = (*PAGES, *SEARCHES, *MORE)
# Session, person, membership, the tenant's setting and savepoint, applications, memberships: the frame of every page.
FRAME = ("SAVEPOINT", "RELEASE SAVEPOINT", "BEGIN", "COMMIT", "SELECT set_config")


def signed_in(world: World, role: str, **options: Any) -> Client:
    client = Client(**options)
    client.cookies["sessionid"] = world.session(role)
    return client


def fill(world: World, page: str) -> str:
    with tenant(world.organization.id):
        conversation = Conversation.objects.filter(application__slug="support").order_by("id").first()
        batch = Batch.objects.order_by("id").first()
        insight = Insight.objects.order_by("id").first()
    assert insight is not None
    assert conversation is not None
    assert batch is not None
    return page.format(
        conversation=conversation.id, batch=batch.public_id, run=world.run_id, cycle=world.cycle_id,
        improvement=world.improvement_id, shield=world.shield_id, experiment=world.experiment_id,
        insight=insight.public_id, webhook=world.webhook_id, pin=world.pin_id, report=world.report_id,
        agent="agent_000", guardrail="house-rules", other="hostile", line=world.experiment_id, template="t_HOSTILE",
    )  # fmt: skip


@pytest.mark.parametrize("page", READ)
def test_a_page_takes_few_queries_however_many_rows_it_shows(world: World, page: str) -> None:
    client, address = signed_in(world, "owner"), fill(world, page)
    client.get(address)

    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)

    statements = [query["sql"] for query in asked.captured_queries if not query["sql"].startswith(FRAME)]
    assert answer.status_code == 200
    assert len(statements) <= MOST_QUERIES, "\n".join(statements)


@pytest.mark.parametrize("page", ["/conversations/999999999/", "/uploads/b_NOTTHERE/", "/?application=nobodys", "/no/"])
def test_what_is_not_there_is_404_in_the_portals_own_words(world: World, page: str) -> None:
    answer = signed_in(world, "owner").get(page)

    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.text


def test_a_fault_of_ours_has_a_page_that_needs_nothing_else_to_work(rf: RequestFactory) -> None:
    answer = server_error(rf.get("/"))

    assert answer.status_code == 500
    assert "Something broke on our side" in answer.text


def test_signed_out_readers_are_sent_to_sign_in_and_back(world: World) -> None:
    for page in READ:
        answer = Client().get(fill(world, page))
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/login/"), page


def test_a_removed_member_is_refused_on_the_next_request(world: World) -> None:
    client = signed_in(world, "executive")
    assert client.get("/security/").status_code == 200

    membership = Membership.objects.get(organization=world.organization, role="executive")
    Membership.objects.filter(id=membership.id).delete()
    answer = client.get("/security/")
    membership.save()

    assert answer.status_code == 403


def test_reading_every_page_changes_nothing(world: World) -> None:
    client = signed_in(world, "owner")
    with tenant(world.organization.id):
        before = (AuditEvent.objects.count(), Batch.objects.count(), Membership.objects.count())

    with CaptureQueriesContext(connection) as asked:
        for page in READ:
            client.get(fill(world, page))

    writes = [
        query["sql"] for query in asked.captured_queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))
    ]
    with tenant(world.organization.id):
        assert (AuditEvent.objects.count(), Batch.objects.count(), Membership.objects.count()) == before
    assert [sql for sql in writes if "django_session" not in sql] == []


def test_the_policy_allows_no_inline_script_and_nothing_from_elsewhere(world: World) -> None:
    policy = signed_in(world, "viewer").get("/").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_a_cursor_whose_time_has_no_zone_was_not_made_here(world: World) -> None:
    cursor = encode_cursor(["2026-11-02T10:00:00", 1])

    assert signed_in(world, "viewer").get("/conversations/", {"cursor": cursor}).status_code == 400
