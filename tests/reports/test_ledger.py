"""The ledger fills itself from what was decided: good, bad and undecided; nothing twice, nothing left out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from apps.experiments.domain.plans import GuardrailPlan
from apps.experiments.services import lifecycle
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from apps.reports.models import Assumption, BenefitLine, Claim, CostLine
from apps.reports.selectors.assumptions import in_force
from apps.reports.selectors.volumes import Volumes
from apps.reports.services.claiming import claim_all
from tests.reports.world import Ledger

pytestmark = pytest.mark.django_db


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_a_promoted_change_writes_a_line_a_month_and_the_ledger_comes_to_something(ledger: Ledger) -> None:
    ledger.say(escalation_cost="1.10 1.90 3.20", hourly_rate="50 75 120", weekly_hours="1 2 3")
    experiment = ledger.tried(0.4, 0.08)
    ledger.pass_time(days=3)
    ledger.talk(300)
    ledger.pass_time(days=25)

    content = ledger.fill()

    with tenant(ledger.organization.id):
        november, december = BenefitLine.objects.filter(metric="escalation_rate").order_by("period")
    assert experiment.state == "promoted"
    assert (november.grade, november.selected, november.state, november.ongoing) == ("A", True, "promoted", True)
    assert (november.period, november.volume, december.period, december.volume) == ("2026-11", 300, "2026-12", 0)
    assert november.low < november.effect < november.high < 0
    (shown,) = [each for each in content["lines"] if each["metric"] == "escalation_rate"]
    assert shown["total"]["p10"] < shown["total"]["p50"] < shown["total"]["p90"]
    assert content["state"] == "ready"
    assert content["headline"].startswith("90 % likely to")
    assert content["figures"]["roi"] is not None


def test_filling_again_changes_nothing_and_the_same_ledger_gives_the_same_figures(ledger: Ledger) -> None:
    ledger.say(escalation_cost="2", hourly_rate="50", setup_hours="4")
    ledger.tried(0.4, 0.08)
    first, rows = ledger.fill(), ledger.rows()

    assert (ledger.fill(), ledger.rows()) == (first, rows)


def test_what_was_taken_back_is_a_cost_and_stays_to_be_seen(ledger: Ledger) -> None:
    ledger.say(escalation_cost="2", hourly_rate="50", setup_hours="1")
    guard = GuardrailPlan("escalation_rate", margin=0.0, role="harm_only", direction="decrease")
    experiment = ledger.tried(0.05, 0.5, metric="quality_score", direction="increase", guardrails=(guard,))

    content = ledger.fill()

    assert experiment.state == "rolled_back"
    with tenant(ledger.organization.id):
        (cost,) = CostLine.objects.filter(metric="escalation_rate")
    assert (cost.kind, cost.state, cost.volume, cost.ongoing) == ("regression", "rolled_back", 200, False)
    (shown,) = [each for each in content["costs"] if each["kind"] == "regression"]
    assert shown["total"]["p50"] == pytest.approx(float(cost.effect) * 200 * 2, rel=0.1)
    assert shown["state"] == "rolled_back"


def test_an_undecided_change_is_in_the_draw_with_its_whole_spread(ledger: Ledger) -> None:
    ledger.say(escalation_cost="2", hourly_rate="50", setup_hours="1")
    assert ledger.tried(0.2, 0.2).state == "no_winner"

    content = ledger.fill()

    (shown,) = [each for each in content["lines"] if each["metric"] == "escalation_rate"]
    assert shown["undecided"]
    assert shown["total"]["p10"] < 0 < shown["total"]["p90"]


def test_two_changes_of_one_prompt_split_what_they_both_claim_and_the_database_refuses_a_second_claim(
    ledger: Ledger,
) -> None:
    ledger.say(escalation_cost="2", hourly_rate="50", setup_hours="1")
    ledger.tried(0.6, 0.3)
    ledger.fill()
    with tenant(ledger.organization.id):
        alone = BenefitLine.objects.get(metric="escalation_rate")
        claim = Claim.objects.filter(line=alone)[0]
        assert (alone.share, Claim.objects.filter(line=alone).count()) == (1, 12)
        with pytest.raises(IntegrityError, match="a_conversations_metric_is_claimed_by_one"), transaction.atomic():
            Claim.objects.create(
                organization_id=ledger.organization.id, application=ledger.application, metric=claim.metric,
                period=claim.period, scope_hash=claim.scope_hash, line=alone,
            )  # fmt: skip
        other = BenefitLine.objects.get(id=alone.id)
        other.pk, other.source_id = None, "x_other"
        other.save()
        claim_all(organization=ledger.organization, application=ledger.application)
        shares = BenefitLine.objects.filter(metric="escalation_rate").values_list("share", flat=True)
        assert [float(share) for share in shares] == [0.5, 0.5]
        assert Claim.objects.count() == 12


def test_what_nobody_has_valued_is_left_out_and_said(ledger: Ledger) -> None:
    ledger.tried(0.4, 0.08)

    content = ledger.fill()

    (left,) = [each for each in content["left_out"] if each["metric"] == "escalation_rate"]
    assert left["why"] == "nobody has said escalation_cost"
    assert (
        "Nobody has said escalation_cost of support: what a conversation handed over to a person costs"
        in content["missing"]
    )
    assert (content["state"], content["headline"], content["figures"]) == ("empty", None, None)


def test_nothing_decided_yet_is_an_honest_empty_valuation(ledger: Ledger) -> None:
    content = ledger.fill()

    assert (content["state"], content["lines"], content["headline"]) == ("empty", [], None)
    assert "Nothing has been decided yet" in content["missing"][0]
    assert "how many hours" in content["missing"][1]


def test_a_negative_return_is_said_as_one(ledger: Ledger) -> None:
    ledger.say(hourly_rate="100", weekly_hours="40", escalation_cost="0.01")
    ledger.tried(0.4, 0.08)

    content = ledger.fill()

    assert content["headline"].startswith("90 % likely to lose no more than $")
    assert content["figures"]["net"]["p90"] < 0
    assert content["figures"]["payback"]["p50"] is None


def test_without_a_cost_there_is_no_ratio(ledger: Ledger) -> None:
    ledger.say(escalation_cost="2")
    ledger.tried(0.4, 0.08)

    content = ledger.fill()

    assert content["state"] == "ready"
    assert content["figures"]["roi"] is None
    assert any("how many hours" in each for each in content["missing"])


def test_an_organization_without_a_currency_adds_nothing_up_and_says_why() -> None:
    ledger = Ledger(currency="")
    ledger.say(escalation_cost="2", hourly_rate="50", setup_hours="1")
    ledger.tried(0.4, 0.08)

    content = ledger.fill()

    assert (content["state"], content["figures"], content["headline"]) == ("no_currency", None, None)
    assert "no currency" in content["missing"][0]
    assert ("BenefitLine", "promoted", "escalation_rate", "2026-11") in ledger.rows()


def test_an_assumption_is_never_changed_and_the_newest_approved_one_holds(ledger: Ledger) -> None:
    ledger.say(hourly_rate="50")
    ledger.say(approve=False, hourly_rate="500")
    with tenant(ledger.organization.id):
        held = {each.key: each.mode for each in in_force(ledger.application)}
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            Assumption.objects.filter(version=1).update(mode=1)

    assert held["hourly_rate"] == 50


def test_a_decision_asks_the_ledger_to_be_filled(ledger: Ledger) -> None:
    with tenant(ledger.organization.id):
        made = ledger.draft()
        lifecycle.stop(experiment_id=made.id, at=ledger.now, actor="test")

    assert WorkItem.objects.filter(organization=ledger.organization, kind="reports.fill").count() == 1


def test_leads_and_churn_are_lines_where_somebody_has_said_what_one_is_worth(ledger: Ledger) -> None:
    ledger.say(escalation_cost="2", contribution_margin="0.6", hourly_rate="50", setup_hours="1")
    ledger.tried(0.4, 0.08, leads_every=3)
    ledger.talk(20, enterprise_lead=True)
    ledger.talk(20, churn="prevented")
    ledger.pass_time(days=1)
    before = ledger.fill()

    ledger.say(lead_value="100 300 900", customer_value="200")
    after = ledger.fill()

    unsaid = [each for each in before["not_counted"] if "nobody has said" in each]
    assert "154 enterprise leads this month; no change is credited with any, as nobody has said lead_value" in unsaid[0]
    assert "customer_value: what keeping a customer is worth" in unsaid[1]
    assert not {"enterprise_leads", "churn_rate"} & {each["metric"] for each in before["lines"]}
    (leads,) = [each for each in after["lines"] if each["metric"] == "enterprise_leads"]
    assert (leads["what"], leads["grade"], leads["team"], leads["undecided"]) == (
        "Enterprise leads",
        "A",
        "business",
        True,
    )
    # Churn is known after thirty days; until then the line says so.
    (churn,) = [each for each in after["left_out"] if each["metric"] == "churn_rate"]
    assert churn["why"] == "too few units to measure it"
    assert not [each for each in after["not_counted"] if "enterprise leads" in each]


def test_a_month_is_the_last_whole_weeks_the_day_before_midnight_counted_in(ledger: Ledger) -> None:
    for day in range(9):
        ledger.talk(100 if day < 2 else 70)
        ledger.pass_time(days=1)
    midnight = ledger.now.replace(hour=0, minute=0, second=0, microsecond=0)

    with tenant(ledger.organization.id):
        found = Volumes(ledger.application, at=midnight).a_month("escalation_rate")

    assert found == pytest.approx(Decimal(70 * 365) / 12)
