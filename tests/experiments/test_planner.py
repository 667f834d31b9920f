"""The planner: its figures are those of `flywheel power`, its draft that of the API, and it says what is missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.experiments.domain.forecasting import forecast
from apps.experiments.domain.plans import GuardrailPlan, Plan, VariantPlan
from apps.experiments.models import Experiment
from apps.organizations.models import Organization
from apps.platform.tenancy import tenant
from flywheel.cli.power import sizes
from tests.experiments.world import PLAN, World
from tests.factories import AT, capture, make_organization
from tests.portal.world import make_member

pytestmark = pytest.mark.django_db
ADDRESS = "/experiments/plan/"
NAMED: list[dict[str, Any]] = [
    {}, {"application": "support"}, {"application": "loud"}, {"application": "nobodys"}, {"application": 7},
]  # fmt: skip


@pytest.fixture
def world() -> World:
    return World()


def talk(organization: Organization, users: int = 200, *, every: int = 4, application: str = "support") -> None:
    """Have each user talk once, ten a day; every fourth is handed over, or another share."""
    records: list[dict[str, Any]] = []
    for number in range(users):
        begun = AT - timedelta(days=1 + number % 20)
        handed = {"escalated": True} if number % every == 0 else {}
        for second, role in enumerate(("user", "assistant")):
            records.append(
                {
                    "session_id": f"{application}-{number}", "role": role, "message": "My invoice is wrong.",
                    "metadata": {"user_id": f"{application}-{number}", **handed},
                    "timestamp": (begun + timedelta(seconds=second)).isoformat(),
                }
            )  # fmt: skip
    capture(organization, records, application)


def as_role(world: World, role: str) -> Client:
    client = Client()
    user = make_member(world.organization, role, f"{role}@plan.test")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_page_shows_what_power_works_out_from_the_measured_baseline(world: World) -> None:
    talk(world.organization)

    answer = as_role(world, "analyst").get(ADDRESS, {"metric": "escalation_rate", "effect": "10"})

    worked = answer.context["worked"]
    baseline, a_day = worked["figures"]
    expected = sizes(baseline=baseline["value"], effect=-0.1, alpha=0.05, power=0.8)
    assert (baseline["value"], baseline["n"]) == (pytest.approx(0.25), 200)
    assert baseline["interval"][0] < 0.25 < baseline["interval"][1]
    assert a_day["value"] == pytest.approx(10, rel=0.15)
    assert a_day["interval"][0] <= a_day["value"] <= a_day["interval"][1]
    assert [row["n"] for row in worked["sizes"]] == [expected["fixed"], expected["sequential"]]
    assert [row["days"] for row in worked["sizes"]] == [
        pytest.approx(2 * size / a_day["value"], abs=1) for size in expected.values()
    ]
    assert worked["change"].replace("\u202f", " ").replace("\u00a0", " ") == "25.0 % → 15.0 %"


def test_the_draft_is_the_plan_shown_and_can_be_started(world: World) -> None:
    talk(world.organization)
    client = as_role(world, "analyst")
    asked = {"prompt": "support", "label": "production", "version": "2", "metric": "escalation_rate", "effect": "10"}
    planned = client.get(ADDRESS, asked).context["worked"]["planned"]

    answer = client.post(ADDRESS, asked | {"alpha": "0.05", "power": "0.8", "name": "brief"})

    with tenant(world.organization.id):
        made = Experiment.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/experiments/{made.public_id}/")
    assert [each["version"] for each in made.plan["variants"]] == [1, 2]
    assert (made.state, made.name, made.plan["planned_n"], made.plan["direction"]) == (
        "draft", "brief", planned, "decrease"
    )  # fmt: skip
    assert "Start" in client.get(answer["Location"]).text


def test_a_gate_that_cannot_pass_is_told_with_its_arithmetic_and_refused_beside_its_field(world: World) -> None:
    talk(world.organization)
    client = as_role(world, "owner")
    asked = {"metric": "escalation_rate", "effect": "10", "gate_1": "escalation_rate", "margin_1": "0.1"}

    page = client.get(ADDRESS, asked)
    refused = client.post(ADDRESS, asked)

    assert "units an arm to be shown within 0.001" in page.context["worked"]["unreachable"][0]
    assert "Make the draft" not in page.text
    assert refused.status_code == 422
    assert "units an arm to be shown within 0.001" in refused.context["form"].errors["margin_1"][0]
    with tenant(world.organization.id):
        assert not Experiment.objects.exists()


def test_a_gate_is_judged_by_the_application_chosen_in_plan_and_draft_alike(world: World) -> None:
    talk(world.organization)
    talk(world.organization, every=1, application="loud")
    client = as_role(world, "owner")
    asked = {"metric": "churn_rate", "baseline": "20", "effect": "10", "gate_1": "escalation_rate", "margin_1": "8"}

    told = {
        slug: client.get(ADDRESS, asked | {"application": slug}).context["worked"]["unreachable"]
        for slug in ("support", "loud", "")
    }
    drafts = {slug: client.post(ADDRESS, asked | {"application": slug}).status_code for slug in told}

    # 316 an arm are planned. A quarter handed over takes 363, all of them none, five of eight 453.
    assert [bool(words) for words in told.values()] == [True, False, True]
    assert drafts == {"support": 422, "loud": 302, "": 422}


def test_the_api_judges_a_gate_by_the_application_that_is_named(world: World) -> None:
    talk(world.organization)
    talk(world.organization, every=1, application="loud")
    gate = {"metric": "escalation_rate", "margin": 0.15, "role": "gate"}
    plan = PLAN | {"planned_n": 200, "guardrails": [gate]}

    made = [world.call("POST", "experiments", plan | named).status_code for named in NAMED]

    assert made == [422, 422, 201, 404, 422]


def test_without_traffic_the_baseline_is_typed(world: World) -> None:
    client = as_role(world, "owner")

    bare, typed = client.get(ADDRESS), client.get(ADDRESS, {"baseline": "23", "effect": "11"})

    assert "Type a baseline" in bare.text
    assert [row["n"] for row in typed.context["worked"]["sizes"]] == list(
        sizes(baseline=0.23, effect=-0.11, alpha=0.05, power=0.8).values()
    )
    assert "unknown: no traffic" in typed.text
    assert client.post(ADDRESS, {}).context["form"].errors["baseline"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"baseline": "2", "effect": "3"}, "effect"),
        ({"baseline": "20", "effect": "0"}, "effect"),
        ({"baseline": "0", "effect": "3"}, "baseline"),
        ({"baseline": "20", "alpha": "0"}, "alpha"),
        ({"baseline": "20", "power": "0.01"}, "power"),
        ({"baseline": "20", "power": "nan"}, "power"),
        ({"baseline": "20", "metric": "no_such"}, "metric"),
        ({"baseline": "20", "gate_1": "churn_rate"}, "margin_1"),
    ],
)
def test_a_number_that_cannot_be_is_told_beside_its_field(world: World, asked: dict[str, str], field: str) -> None:
    client = as_role(world, "owner")

    assert list(client.get(ADDRESS, asked).context["form"].errors) == [field]
    refused = client.post(ADDRESS, asked)
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, [field])


def test_a_version_that_is_not_there_is_refused(world: World) -> None:
    refused = as_role(world, "owner").post(ADDRESS, {"version": "9", "baseline": "20"})

    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["version"])


@pytest.mark.parametrize("role", ["viewer", "executive", "aggregates"])
def test_who_may_not_start_one_looks_and_does_not_make(world: World, role: str) -> None:
    client = as_role(world, role)

    page = client.get(ADDRESS, {"baseline": "20"})

    assert "What it takes" in page.text
    assert "Make the draft" not in page.text
    assert "Plan an experiment" not in client.get("/experiments/").text
    assert client.post(ADDRESS, {"baseline": "20"}).status_code == 403


def test_without_a_second_version_it_says_what_to_do(world: World) -> None:
    fresh = make_organization("fresh")
    client = Client()
    client.force_login(
        make_member(fresh, "owner", "owner@fresh.test"), backend="django.contrib.auth.backends.ModelBackend"
    )

    assert "No prompt has two versions yet" in client.get(ADDRESS).text
    assert client.post(ADDRESS, {}).status_code == 422


def test_fewer_users_than_needed_are_planned_for_and_said() -> None:
    plan = Plan(
        variants=(VariantPlan("control", 1), VariantPlan("treatment", 2)), metric="escalation_rate",
        direction="decrease", minimum_detectable_effect=0.01,
        guardrails=(GuardrailPlan("churn_rate", 0.001, "gate", "decrease"),),
    )  # fmt: skip

    found = forecast(plan, baseline=0.2, rates={"churn_rate": 0.05}, there_are=1_000, units_a_day=100.0)

    assert (found.planned, found.falls_short) == (1_000, True)
    assert found.seen is not None
    assert found.seen > 0.01
    assert found.sequential_days == -(-2 * found.sequential // 100)
    assert len(found.unreachable) == 1
