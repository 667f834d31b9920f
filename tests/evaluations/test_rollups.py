"""Rollups equal a full recomputation from facts, whatever happened in between, and metrics read them alone."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.demo.production import simulate_week
from apps.evaluations import selectors
from apps.evaluations.domain.tally import Tally, merge_all, tally
from apps.evaluations.models import ConversationFact, DailyRollup
from apps.evaluations.selectors import Filters, rollups
from apps.evaluations.services.rollups import tally_day
from apps.organizations.models import Organization
from apps.platform.tenancy import tenant
from tests.evaluations.test_metrics import roll_up_all
from tests.factories import capture, make_application, make_organization

pytestmark = pytest.mark.django_db
ROLLED = ("day", "week", "agent", "prompt_version", "variant", "channel")


def stored_rollups(application_id: int) -> dict[tuple[Any, ...], Tally]:
    rows = DailyRollup.objects.filter(application_id=application_id)
    columns = ("day", "agent", "variant", "prompt_version", "channel")
    return {tuple(key): msgspec.convert(value, Tally) for *key, value in rows.values_list(*columns, "tally")}


def recomputed(organization: Organization, application_id: int) -> dict[tuple[Any, ...], Tally]:
    days = ConversationFact.objects.values_list("day", flat=True).distinct()
    return {
        (day, *key): value for day in days for key, value in tally_day(organization.id, application_id, day).items()
    }


def test_rollups_equal_a_full_recomputation_after_pushes_in_any_order() -> None:
    organization = make_organization()
    week = simulate_week(seed=5, conversations=40, start=datetime(2026, 11, 2, tzinfo=UTC))
    records = [record for simulated in week for record in simulated.records]
    random.Random(1).shuffle(records)

    # Conversations arrive torn apart: their first message may come last, and with it an earlier day.
    for start in range(0, len(records), 80):
        capture(organization, records[start : start + 80])
        roll_up_all(organization)

    application_id = make_application(organization).id
    with tenant(organization.id):
        stored, expected = stored_rollups(application_id), recomputed(organization, application_id)
        assert len(expected) > 7
        assert stored == expected


def test_a_conversation_that_turns_out_to_have_begun_earlier_leaves_its_later_day() -> None:
    organization = make_organization()
    turn = {"session_id": "s", "role": "user"}
    capture(organization, [{**turn, "message": "Still waiting", "timestamp": "2026-11-03T08:00:00Z"}])
    roll_up_all(organization)

    capture(organization, [{**turn, "message": "Where is my order?", "timestamp": "2026-11-02T20:00:00Z"}])
    roll_up_all(organization)

    with tenant(organization.id):
        days = [group["key"] for group in selectors.group_metrics(Filters(), by="day")]
        assert (days, selectors.read_tally(Filters()).conversations) == (["2026-11-02"], 1)


def test_metrics_and_groups_of_rollups_read_no_fact() -> None:
    organization = make_organization()
    week = simulate_week(seed=3, conversations=20, start=datetime(2026, 11, 2, tzinfo=UTC))
    capture(organization, [record for simulated in week for record in simulated.records])
    roll_up_all(organization)

    with tenant(organization.id), CaptureQueriesContext(connection) as queries:
        selectors.read_metrics(Filters())
        for by in ROLLED:
            selectors.group_metrics(Filters(), by=by)

    read = [query["sql"] for query in queries if "conversationfact" in query["sql"]]
    assert (len(queries) > 6, read) == (True, [])


def test_many_rollups_are_merged_once_and_again_only_where_a_day_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    organization = make_organization()
    week = simulate_week(seed=3, conversations=30, start=datetime(2026, 11, 2, tzinfo=UTC))
    records = [record for simulated in week for record in simulated.records]
    capture(organization, records)
    roll_up_all(organization)

    def read() -> tuple[Any, list[str]]:
        with tenant(organization.id), CaptureQueriesContext(connection) as queries:
            found = [selectors.read_metrics(Filters()), *(selectors.group_metrics(Filters(), by=by) for by in ROLLED)]
        loads = [query["sql"] for query in queries if "(tally - " in query["sql"] and "CASE" not in query["sql"]]
        return found, loads

    few, none_loaded = read()
    monkeypatch.setattr(rollups, "FEW", 0)
    many, all_loaded = read()
    again, nothing_loaded = read()
    capture(organization, [{**records[0], "session_id": "new", "message": "Hello"}])
    roll_up_all(organization)
    after, some_loaded = read()
    monkeypatch.setattr(rollups, "FEW", 10_000)

    assert (many, again, after) == (few, few, read()[0])
    assert after != few
    assert (none_loaded, nothing_loaded) == ([], [])
    assert 0 < sum(map(len, some_loaded)) < sum(map(len, all_loaded))


def test_rollups_of_no_day_are_a_tally_of_nothing() -> None:
    assert merge_all([]) == tally([]) == Tally()
