"""Each grade of evidence arises where it is true, from a change that was really decided; and from nothing else.

A randomised, B before and after beside untouched applications, C before and after, D an estimate. The fifth kind of
evidence, probes, is tested where probes are: tests/improvements/test_probes.py.
"""

from __future__ import annotations

import pytest

from apps.improvements.models import Improvement
from apps.improvements.services import lifecycle
from apps.organizations.models import Application
from apps.organizations.services import ensure_application
from apps.platform.tenancy import tenant
from apps.reports.models import BenefitLine, CostLine
from tests.factories import AT, make_improvement
from tests.reports.world import Ledger

pytestmark = pytest.mark.django_db
DAYS = 10
NEIGHBOURS = ("shop", "desk", "bank", "club")


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    made.say(escalation_cost="2", hourly_rate="50", setup_hours="1", incident_loss="50000", incident_per_leak="0.01")
    return made


def neighbours(ledger: Ledger) -> list[Application]:
    return [ensure_application(organization_id=ledger.organization.id, slug=slug, at=AT) for slug in NEIGHBOURS]


def live(ledger: Ledger, rate: float, others: list[Application], *, days: int = DAYS) -> None:
    """Live days in which so many escalate; elsewhere a fifth do, as ever. One in ten attacks, half in vain."""
    for _ in range(days):
        ledger.talk(40, rates=(rate, rate))
        ledger.talk(5, attacks_blocked=1, attack_types=("prompt_injection",))
        ledger.talk(5, attacks_succeeded=1, attack_types=("prompt_injection",))
        for application in others:
            ledger.talk(40, application=application)
        ledger.pass_time(days=1)


def deploy(ledger: Ledger) -> Improvement:
    """Approve a change and start it for everybody at once, as the security path does."""
    with tenant(ledger.organization.id):
        made = make_improvement("support", ledger.application)
        Improvement.objects.filter(id=made.id).update(path="security")
        lifecycle.approve(improvement_id=made.id, at=ledger.now, actor="eve")
        return lifecycle.start(improvement_id=made.id, at=ledger.now, actor="eve")


def grades(ledger: Ledger) -> dict[str, str]:
    with tenant(ledger.organization.id):
        return dict(BenefitLine.objects.values_list("metric", "grade"))


def test_what_was_drawn_by_lot_is_a(ledger: Ledger) -> None:
    ledger.tried(0.4, 0.08)
    content = ledger.fill()

    (line,) = [each for each in content["lines"] if each["metric"] == "escalation_rate"]
    assert (grades(ledger)["escalation_rate"], line["grade"], line["haircut"]) == ("A", "A", 0)


def test_a_change_for_everybody_beside_applications_nobody_touched_is_b(ledger: Ledger) -> None:
    others = neighbours(ledger)
    live(ledger, 0.6, others)
    deploy(ledger)
    live(ledger, 0.2, others)

    content = ledger.fill()

    (line,) = [each for each in content["lines"] if each["metric"] == "escalation_rate"]
    assert (grades(ledger)["escalation_rate"], line["grade"], line["haircut"]) == ("B", "B", 0.25)
    assert line["evidence"] == "before and after, with a concurrent control"
    assert line["low"] < line["effect"] < line["high"] < 0
    assert line["effect"] == pytest.approx(-0.32, abs=0.12)


def test_alone_it_is_c_and_half_of_it_counts(ledger: Ledger) -> None:
    live(ledger, 0.6, [])
    deploy(ledger)
    live(ledger, 0.2, [])

    content = ledger.fill()

    (line,) = [each for each in content["lines"] if each["metric"] == "escalation_rate"]
    assert (grades(ledger)["escalation_rate"], line["grade"], line["haircut"]) == ("C", "C", 0.5)


def test_avoided_attacks_are_d_in_a_band_of_their_own(ledger: Ledger) -> None:
    live(ledger, 0.2, [])
    deploy(ledger)
    live(ledger, 0.2, [])

    content = ledger.fill()

    (apart,) = content["apart"]
    assert (grades(ledger)["block_rate"], apart["grade"], apart["metric"]) == ("D", "D", "block_rate")
    assert "block_rate" not in {each["metric"] for each in content["lines"]}


def test_two_changes_in_the_same_days_cannot_be_told_apart_and_neither_counts(ledger: Ledger) -> None:
    live(ledger, 0.6, [])
    deploy(ledger)
    live(ledger, 0.3, [], days=2)
    ledger.tried(0.3, 0.1)
    live(ledger, 0.1, [])

    content = ledger.fill()

    (left,) = [
        each for each in content["left_out"] if each["metric"] == "escalation_rate" and each["team"] == "product"
        and each["source_kind"] == "before_after"
    ]  # fmt: skip
    assert left["why"] == (
        "before and after cannot tell it from other changes of these days (brief): 7 days on each side are needed in "
        "which nothing else changed, there are 10 and 1"
    )


def test_a_change_for_everybody_that_was_taken_back_stays_as_what_it_cost(ledger: Ledger) -> None:
    live(ledger, 0.2, [])
    made = deploy(ledger)
    live(ledger, 0.6, [])
    with tenant(ledger.organization.id):
        Improvement.objects.filter(id=made.id).update(state="rolled_back", ended_at=ledger.now)

    content = ledger.fill()

    with tenant(ledger.organization.id):
        cost = CostLine.objects.get(metric="escalation_rate")
    assert (cost.kind, cost.grade, cost.state, cost.ongoing) == ("regression", "C", "rolled_back", False)
    (shown,) = [each for each in content["costs"] if each["kind"] == "regression"]
    assert shown["total"]["p50"] > 0
    # What is worse for security is an estimate, too: in the band, in no total.
    assert [each["metric"] for each in content["apart"]] == ["block_rate"]
