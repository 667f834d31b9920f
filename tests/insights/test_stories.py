"""Stories: the same thing going on is one insight, which ends by itself; what people do with it, and who may."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.evaluations.selectors import Filters
from apps.ingestion.models import Conversation
from apps.insights.domain.evidence import Found
from apps.insights.domain.signals import Figures, Period, Signal
from apps.insights.models import Evidence, Insight, Sighting
from apps.insights.selectors.evidence import choose_evidence
from apps.insights.selectors.looking import Condition, Look
from apps.insights.services.stories import Recorded, record_look
from apps.organizations.models import Application, AuditEvent, Organization
from apps.platform.tenancy import tenant
from tests.factories import AT, capture, make_application, make_key, make_organization

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)
PATTERN = ("pattern", "user_frustration")


def frustrated(k: int, n: int = 1000) -> Signal:
    share, half = k / n, 2 * (k / n * (1 - k / n) / n) ** 0.5
    return Signal(
        kind="pattern", key="user_frustration", metric="user_frustration", severity="medium",
        title=f"User frustration: {k} conversations",
        figures=Figures(share, "fraction", n, interval=(share - half, share + half)),
        rows={"pattern": "user_frustration"},
    )  # fmt: skip


class Wheel:
    """An application whose periods are looked at one after the other."""

    def __init__(self) -> None:
        self.organization: Organization = make_organization()
        self.application: Application = make_application(self.organization)

    def look(self, week: int, *signals: Signal, judged: frozenset[Condition] = frozenset({PATTERN})) -> Recorded:  # type: ignore[assignment]
        period = Period(AT + week * WEEK, AT + (week + 1) * WEEK)
        filters = Filters(application_id=self.application.id, since=period.since, until=period.until)
        with tenant(self.organization.id):
            found = tuple(Found(each, choose_evidence(each, filters)) for each in signals)
            seen = Look(1000, found, (), judged=judged)
            return record_look(application=self.application, period=period, look=seen, at=period.until, cycle_id="c")

    def call(self, method: str, path: str, body: Any = None, scopes: tuple[str, ...] = ("read", "experiments")) -> Any:
        headers = {"Authorization": f"Bearer {make_key(self.organization, *scopes)}"}
        return Client().generic(
            method, f"/api/v1/insights{path}", json.dumps(body or {}),
            content_type="application/json", headers=headers,
        )  # fmt: skip


@pytest.fixture
def wheel() -> Iterator[Wheel]:
    return Wheel()


def test_the_same_thing_going_on_is_one_story_that_knows_whether_it_gets_worse(wheel: Wheel) -> None:
    (opened,) = wheel.look(0, frustrated(100)).opened
    for week, k in ((1, 105), (2, 200)):
        recorded = wheel.look(week, frustrated(k))
        assert (recorded.opened, [each.id for each in recorded.seen]) == ((), [opened.id])

    with tenant(wheel.organization.id):
        story = Insight.objects.get()
        courses = [each.figures["value"] for each in Sighting.objects.order_by("until")]
    assert (story.since, story.until, story.times_seen, story.course) == (AT, AT + 3 * WEEK, 3, "worsening")
    assert (story.statement, courses) == ("User frustration: 200 conversations", [0.1, 0.105, 0.2])


def test_a_look_repeated_changes_nothing(wheel: Wheel) -> None:
    wheel.look(0, frustrated(100))
    with tenant(wheel.organization.id):
        before = [list(model.objects.values()) for model in (Insight, Sighting)]

    again = wheel.look(0, frustrated(100))

    with tenant(wheel.organization.id):
        assert [list(model.objects.values()) for model in (Insight, Sighting)] == before
    assert again.opened == ()


def test_a_story_ends_only_when_its_condition_was_judged_and_is_gone_and_comes_back_as_another(wheel: Wheel) -> None:
    (first,) = wheel.look(0, frustrated(100)).opened
    assert wheel.look(1, judged=frozenset()).resolved == ()
    assert wheel.look(-1).resolved == ()

    assert [each.id for each in wheel.look(2).resolved] == [first.id]
    (second,) = wheel.look(3, frustrated(90)).opened

    assert second.public_id != first.public_id
    told = wheel.call("GET", f"/{second.public_id}").json()
    assert [each["id"] for each in told["earlier"]] == [first.public_id]
    assert wheel.call("POST", f"/{first.public_id}/acknowledge").json()["code"] == "wrong_state"


def test_one_user_who_floods_a_pattern_supplies_three_pieces_of_evidence_and_they_go_with_the_conversation(
    wheel: Wheel,
) -> None:
    def said(session: str, user: str) -> list[dict[str, Any]]:
        turns = (("user", "This is useless. I am so frustrated and angry!"), ("assistant", "I see."))
        return [
            {"session_id": session, "role": role, "message": text, "timestamp": (AT + timedelta(hours=1)).isoformat(),
             "user_id": user, "metadata": {"user_id": user}}
            for role, text in turns
        ]  # fmt: skip

    flood = [said(f"flood-{n}", "mallory") for n in range(40)]
    others = [said(f"other-{n}", f"user-{n}") for n in range(10)]
    capture(wheel.organization, [line for lines in (*others, *flood) for line in lines])
    wheel.look(0, frustrated(50, 60))

    with tenant(wheel.organization.id):
        chosen = Counter(Evidence.objects.values_list("conversation__user_hash", flat=True))
        assert sorted(chosen.values()) == [1] * 10 + [3]
        Conversation.objects.filter(session_id="other-1").delete()
        assert Evidence.objects.filter(conversation__session_id="other-1").count() == 0


def test_people_acknowledge_assign_and_each_is_audited_once(wheel: Wheel) -> None:
    (opened,) = wheel.look(0, frustrated(100)).opened
    path = f"/{opened.public_id}"

    assert wheel.call("POST", f"{path}/acknowledge").json()["state"] == "acknowledged"
    assert wheel.call("POST", f"{path}/acknowledge").json()["state"] == "acknowledged"
    assigned = wheel.call("POST", f"{path}/assign", {"team": "engineering"}).json()
    assert (assigned["state"], assigned["team"]) == ("assigned", "engineering")
    assert wheel.call("POST", f"{path}/assign", {"team": "marketing"}).json()["code"] == "bad_team"

    wheel.look(1, frustrated(110))
    assert wheel.call("GET", path).json()["state"] == "assigned"
    actions = AuditEvent.objects.filter(organization=wheel.organization, subject=opened.public_id)
    assert list(actions.order_by("id").values_list("action", flat=True)) == [
        "insight.opened", "insight.acknowledged", "insight.assigned",
    ]  # fmt: skip


def test_insights_are_listed_by_filters_a_page_at_a_time(wheel: Wheel) -> None:
    other = Signal(
        "threshold", "block_rate", "block_rate", "high", "Block rate is below 90%", Figures(0.8, "fraction", 40)
    )
    wheel.look(0, frustrated(100), other)

    assert [each["kind"] for each in wheel.call("GET", "").json()["results"]] == ["threshold", "pattern"]
    assert [each["key"] for each in wheel.call("GET", "?severity=high&state=live").json()["results"]] == ["block_rate"]
    assert wheel.call("GET", "?kind=pattern&application=support").json()["results"][0]["seen"]["times"] == 1
    assert wheel.call("GET", "?kind=rumour").json()["code"] == "bad_filter"
    assert wheel.call("GET", "?application=nobodys").status_code == 404
