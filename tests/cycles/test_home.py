"""Home: what waits for whom, what each stage says, what turns compounded to, and the first weeks' ticks."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.cycles import selectors
from apps.cycles.models import Cycle, StageRun
from apps.cycles.web.compounded import compounded_figures
from apps.cycles.web.wheel import Turning, show_waits, show_wheel
from apps.evaluations.selectors import Filters, read_metrics
from apps.evaluations.web.periods import Period
from apps.library.services import prompts
from apps.organizations import services
from apps.organizations.models import Application, Organization
from apps.organizations.web.access import Access
from apps.platform.tenancy import tenant
from tests.factories import AT, capture, make_application, make_improvement, make_organization
from tests.portal.world import make_member, session_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def access(organization: Organization, role: str = "analyst") -> Access:
    from apps.organizations.selectors import memberships_of

    member = make_member(organization, role, email=f"{role}-{organization.slug}@home.test")
    (membership,) = memberships_of(user_id=member.pk)
    return Access(membership, (membership,), None)


def make_turn(application: Application, *, week: int, status: str = "finished", **metrics: Any) -> Cycle:
    since = AT + timedelta(weeks=week)
    cycle: Cycle = Cycle.objects.create(
        organization_id=application.organization_id, public_id=f"c_{week}", application=application, slot=since,
        since=since, until=since + timedelta(weeks=1), status=status, started_by="test", started_at=since,
    )  # fmt: skip
    StageRun.objects.create(
        organization_id=application.organization_id, cycle=cycle, stage="measure", status=StageRun.Status.DONE,
        figures={"metrics": metrics}, started_at=since,
    )  # fmt: skip
    return cycle


def turning(**changes: Any) -> Turning:
    told: dict[str, Any] = {
        "metrics": read_metrics(Filters(), currency="USD"), "period": Period("all", None, "All time"), "newest": None,
        "insights": (), "improvements": (), "experiments": (),
    }  # fmt: skip
    return Turning(**told | changes)


def test_a_proposal_waits_for_who_may_approve_it_and_for_nobody_else(organization: Organization) -> None:
    application = make_application(organization)
    analyst, viewer = access(organization), access(organization, "viewer")
    with tenant(organization.id):
        prompts.create_prompt(
            organization_id=organization.id, name="support", content="Be kind.", labels=["production"], at=AT, actor="t"
        )
        proposal = make_improvement("support", application)
        told = turning(improvements=[proposal])

        (wait,) = show_waits(told, analyst)
        improve = show_wheel(told, analyst)["stages"][3]

        assert wait["title"] == "Approve “exact”"
        assert wait["action"]["url"].endswith(f"{proposal.public_id}/")
        assert (improve["state"], improve["value"], improve["verdict"]["text"]) == ("wait", 1, "waits for a person")
        assert show_waits(told, viewer) == []


def test_a_turn_that_stopped_is_the_first_thing_that_waits(organization: Organization) -> None:
    analyst = access(organization)
    with tenant(organization.id):
        make_turn(make_application(organization), week=0, status="failed")
        cycle = selectors.newest_cycle(None)

        assert show_waits(turning(newest=cycle), analyst)[0]["title"] == "A turn of the wheel stopped"


def test_an_untouched_wheel_says_so_and_invents_nothing(organization: Organization) -> None:
    analyst = access(organization)
    with tenant(organization.id):
        stages = show_wheel(turning(), analyst)["stages"]

    assert [stage["state"] for stage in stages] == ["done", "done", "", "", "", ""]
    assert [stage["value"] for stage in stages] == [0, 0, None, 0, 0, None]


def test_turns_compound_from_the_first_that_knew_to_the_last(organization: Organization) -> None:
    analyst = access(organization)
    with tenant(organization.id):
        application = make_application(organization)
        for week, rate in enumerate((0.5, None, 0.9)):
            known = {"value": rate, "interval": [rate - 0.1, rate + 0.1] if rate else None, "n": 40, "unit": "fraction"}
            make_turn(application, week=week, block_rate=known)
        turns = selectors.compounding(application.id)

        block, quality, *_ = compounded_figures(turns, analyst)

    assert (block["value"], block["interval"]) == (0.9, [0.8, 1.0])
    assert block["spark"]["values"] == [0.5, 0.9]
    assert block["note"].startswith("from 50")
    assert (quality["value"], quality["note"]) == (None, "no turn of 3 could say")
    assert compounded_figures(turns[:1], analyst) == []


def test_the_first_weeks_are_ticked_by_rows(organization: Organization) -> None:
    with tenant(organization.id):
        before = selectors.onboarding_facts(organization.id, at=AT)
        application = make_application(organization)
        application.profile = {"canaries": ["KITE"]}
        application.save()
        make_application(organization, "second")
        for week in range(4):
            make_turn(application, week=week)
        after = selectors.onboarding_facts(organization.id, at=AT)

    assert not any(before.values())
    assert {name for name, done in after.items() if done} == {"profile", "second_application", "turned", "four_turns"}


def test_a_key_that_may_push_here_and_now_and_a_second_person_tick_theirs(organization: Organization) -> None:
    for name in ("ana", "ben"):
        make_member(organization, "owner", email=f"{name}-{organization.slug}@home.test")
    with tenant(organization.id):
        application, other = make_application(organization), make_application(organization, "other")
        services.create_key(organization_id=organization.id, scopes=["read"], at=AT, actor="test")
        services.create_key(
            organization_id=organization.id, scopes=["ingest"], application_id=application.id,
            expires_at=AT + timedelta(days=1), at=AT, actor="test",
        )  # fmt: skip
        asked = [(None, AT), (application.id, AT), (other.id, AT), (None, AT + timedelta(days=1))]
        told = [selectors.onboarding_facts(organization.id, of, at=at) for of, at in asked]

    assert [each["key"] for each in told] == [True, True, False, False]
    assert all(each["teammate"] for each in told)


def test_a_poll_of_the_first_run_answers_only_what_is_new(organization: Organization) -> None:
    client = Client()
    client.cookies["sessionid"] = session_of(make_member(organization, "owner", email=f"{organization.slug}@home.test"))
    polls = re.findall(r'hx-get="(/listening/[^"]+)"', client.get("/").text)

    with CaptureQueriesContext(connection) as asked:
        same = client.get(polls[0])
    framed = ("SAVEPOINT", "RELEASE", "SELECT set_config")
    statements = [query["sql"] for query in asked.captured_queries if not query["sql"].startswith(framed)]
    capture(organization, [{"session_id": "s", "role": "user", "message": "Hi", "timestamp": AT.isoformat()}])
    news = client.get(polls[0])

    assert (same.status_code, same.content, len(statements)) == (204, b"", 5)
    assert news.status_code == 200
    assert "fw-checklist" in news.text
    assert "1 of 1 conversations analyzed" in news.text
