"""The board: each improvement in the column of who must act next, with what it rests on and what it did."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.experiments.models import Experiment
from apps.experiments.services import lifecycle as experiments
from apps.improvements.services import lifecycle
from apps.improvements.web.board import _A_COLUMN
from apps.platform.tenancy import tenant
from tests.experiments.world import World
from tests.factories import AT, make_application, make_improvement
from tests.improvements.shop import ADDRESS, OUTCOME, Shop
from tests.portal.world import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_each_stands_in_the_column_of_who_must_act_next(shop: Shop) -> None:
    shop.propose("held", state="proposed", policy="manual_review")
    shop.propose("free", state="proposed", policy="auto_fix")
    shop.propose("approved", state="approved")
    for state in ("deployed", "won", "lost", "undecided", "rolled_back", "rejected", "retired"):
        shop.propose(state, state=state, ended_at=AT + timedelta(days=1))

    assert shop.board() == {
        "proposed": ["free"],
        "waiting": ["held"],
        "running": ["approved"],
        "decided": ["rolled_back", "undecided", "lost", "won", "deployed"],
        "closed": ["retired", "rejected"],
    }
    lede = shop.client.get(ADDRESS).context["lede"]
    assert lede == "1 waits for a person; 1 is under way; of 5 decided, 2 are in production."


def test_a_winner_that_waits_to_be_promoted_waits_for_a_person(shop: Shop) -> None:
    proposal = shop.propose("brief")
    with tenant(shop.organization.id):
        lifecycle.approve(improvement_id=proposal.id, at=AT, actor="one")
        lifecycle.start(improvement_id=proposal.id, at=AT, actor="one")
    assert shop.board()["running"] == ["brief"]
    assert shop.card("brief")["act"]["person"] == ""

    with tenant(shop.organization.id):
        Experiment.objects.update(state="awaiting_approval")

    assert shop.board()["waiting"] == ["brief"]
    assert shop.card("brief")["act"] == {
        "person": "to promote",
        "words": "an owner, administrator or analyst: promote the winner or roll it back",
    }


def test_an_experiment_that_is_held_says_so_and_why(shop: Shop) -> None:
    proposal = shop.propose("brief")
    with tenant(shop.organization.id):
        lifecycle.approve(improvement_id=proposal.id, at=AT, actor="one")
        started = lifecycle.start(improvement_id=proposal.id, at=AT, actor="one")
        assert started.experiment is not None
        experiments.pause(experiment_id=started.experiment.id, at=AT, actor="one", reason="a sale today")

    assert shop.card("brief")["act"] == {"person": "held", "words": "an owner, administrator or analyst: a sale today"}


def test_what_is_decided_shows_its_effect_with_its_interval(shop: Shop) -> None:
    shop.propose("brief", state="won", outcome=OUTCOME, started_at=AT, ended_at=AT + timedelta(days=1))

    card = shop.card("brief")

    assert card["effect"] == {
        "metric": "escalation rate", "so_far": False, "difference": "−11.2\u00a0points", "interval": ["−13.1", "−9.3"],
        "units": 8_112,
    }  # fmt: skip
    assert (card["age"], card["act"]) == ("decided 2\u00a0days ago", {"person": "", "words": ""})


def test_what_runs_shows_its_difference_so_far_and_what_it_needs() -> None:
    trying = World()
    judged_by = {"metric": "escalation_rate", "guardrails": [], "first_percent": 50.0}
    with tenant(trying.organization.id):
        proposal = make_improvement("support", make_application(trying.organization), judged_by=judged_by)
        lifecycle.approve(improvement_id=proposal.id, at=AT, actor="one")
        started = lifecycle.start(improvement_id=proposal.id, at=AT, actor="one").experiment
    assert started is not None
    trying.talk(300, escalated={"control": 0.4, "treatment": 0.1})
    trying.tick(started.public_id)
    client = Client()
    client.force_login(make_member(trying.organization, "viewer"), backend="django.contrib.auth.backends.ModelBackend")

    (card,) = client.get(ADDRESS).context["columns"][2]["rows"]

    assert (card["effect"]["so_far"], card["effect"]["units"], card["state"]) == (True, 300, "running")
    assert card["effect"]["difference"].startswith("−")
    assert len(card["effect"]["interval"]) == 2
    assert card["act"]["person"] == ""
    assert "day" in card["act"]["words"]
    assert card["age"] == "started just now"


def test_filters_narrow_every_column_and_can_be_kept(shop: Shop) -> None:
    shop.propose("held")
    shop.propose("free", policy="auto_fix")
    shop.propose("shield", path="security")

    assert shop.board(policy="auto_fix")["waiting"] == []
    assert shop.board(path="security")["waiting"] == ["shield"]
    saved = shop.client.get(ADDRESS, {"path": "security", "column": "decided"}).context["saved"]
    assert saved["query"] == "path=security"
    assert shop.client.get(ADDRESS, {"application": shop.application.slug}).context["columns"][1]["n"] == 2


@pytest.mark.parametrize(
    "asked", [{"policy": "none"}, {"column": "x"}, {"view": "tree"}, {"state": "x"}, {"before": "-1"}]
)
def test_a_filter_that_there_is_not_is_refused(shop: Shop, asked: dict[str, str]) -> None:
    assert shop.client.get(ADDRESS, asked | ({"view": "list"} if "before" in asked else {})).status_code == 400


def test_a_column_goes_on_where_it_ended_and_each_is_shown_once(shop: Shop) -> None:
    titles = [f"n{number:02}" for number in range(2 * _A_COLUMN + 1)]
    for title in titles:
        shop.propose(title)
    column = shop.client.get(ADDRESS).context["columns"][1]
    seen = [card["title"] for card in column["rows"]]
    assert column["n"] == len(titles)

    more = column["more"]
    while more:
        listed = shop.client.get(more["url"]).context["rows"]
        part = shop.client.get(more["part"])
        rows, more = part.context["rows"], part.context["more"]
        assert [each["title"] for each in listed[: len(rows)]] == [each["title"] for each in rows]
        assert part.content.count(b"autofocus") == 1
        seen += [card["title"] for card in rows]

    assert seen == titles[::-1]


def test_the_number_of_queries_does_not_grow_with_what_stands_there(
    shop: Shop, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        shop.propose(f"p{number}", state=("proposed", "approved", "won", "rejected")[number % 4])
    shop.client.get(ADDRESS)

    with django_assert_max_num_queries(16):  # four of them open and close the tenant
        shop.client.get(ADDRESS)


def test_the_list_holds_all_of_them_by_state_and_old_links_lead_to_it(shop: Shop) -> None:
    shop.propose("held")
    shop.propose("won", state="won", outcome=OUTCOME)

    assert [row["title"] for row in shop.client.get(ADDRESS, {"view": "list"}).context["rows"]] == ["won", "held"]
    assert [row["title"] for row in shop.client.get(ADDRESS, {"state": "won"}).context["rows"]] == ["won"]
    assert "No improvement fits" in shop.client.get(ADDRESS, {"state": "lost"}).text


def test_on_a_phone_the_column_where_somebody_must_act_stands_first(shop: Shop) -> None:
    shop.propose("won", state="won")
    shown = [each["name"] for each in shop.client.get(ADDRESS).context["columns"] if each["shown"]]
    assert shown == ["decided"]

    shop.propose("held")
    shown = [each["name"] for each in shop.client.get(ADDRESS).context["columns"] if each["shown"]]
    asked = [
        each["name"] for each in shop.client.get(ADDRESS, {"column": "running"}).context["columns"] if each["shown"]
    ]

    assert (shown, asked) == (["waiting"], ["running"])


def test_an_empty_board_says_what_will_stand_there(shop: Shop) -> None:
    answer = shop.client.get(ADDRESS)

    assert "Nothing is proposed" in answer.text
    assert "data-fw-board" not in answer.text
