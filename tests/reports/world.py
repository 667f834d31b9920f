"""An organization whose users are tried on two prompts, whose clock the test moves, and whose ledger is filled."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from apps.evaluations.domain.facts import Fact
from apps.evaluations.models import ConversationFact, FactAssignment
from apps.evaluations.services import rollups
from apps.experiments.models import Experiment
from apps.experiments.services import lifecycle
from apps.library.services import prompts
from apps.organizations.models import Application, Organization
from apps.platform import clock
from apps.platform.tenancy import tenant
from apps.reports.models import BenefitLine, CostLine, Valuation
from apps.reports.services import assumptions, filling, valuing
from tests.factories import AT, make_application, make_experiment, make_organization


class Ledger:
    """One application, one prompt; ``tried`` lives an experiment through to its end."""

    experiment_id = ""

    def __init__(self, currency: str = "USD") -> None:
        self.organization: Organization = make_organization(sandbox=True, clock_at=AT, currency=currency)
        self.application: Application = make_application(self.organization)
        self._numbers = 0
        with tenant(self.organization.id):
            prompts.create_prompt(
                organization_id=self.organization.id, name="support", content="Be kind.", labels=["production"], at=AT,
                actor="test",
            )  # fmt: skip

    def pass_time(self, **span: float) -> None:
        self.organization.clock_at = clock.now(self.organization) + timedelta(**span)
        self.organization.save()

    @property
    def now(self) -> Any:
        return clock.now(self.organization)

    def say(self, approve: bool = True, **numbers: str) -> None:
        """Say assumptions, each as "low mode high" or one number."""
        with tenant(self.organization.id):
            for key, text in numbers.items():
                low, mode, high = (text.split() * 3)[:3]
                assumptions.say(
                    application=self.application, at=self.now, actor="eve@finance.test", approve=approve,
                    said=assumptions.Said(key, Decimal(low), Decimal(mode), Decimal(high), "unit", "finance", "finance",
                                          AT.date()),
                )  # fmt: skip

    def draft(self, **plan: Any) -> Experiment:
        """Return a draft that compares version 1 with the next. Call inside tenant(...)."""
        return make_experiment("support", **{"approval": "none", "min_days": 1.0, "planned_n": 400} | plan)

    def tried(
        self, control: float, treatment: float, *, units: int = 400, leads_every: int = 0, **plan: Any
    ) -> Experiment:
        """Try the prompt's next version on users, of whom these shares escalate; return it as it ended."""
        with tenant(self.organization.id):
            made = self.draft(**plan)
            started = lifecycle.start(experiment_id=made.id, at=self.now, actor="test")
            phase = started.phases.get().public_id
        self.talk(units, rates=(control, treatment), phase=phase, leads_every=leads_every)
        self.pass_time(days=2)
        with tenant(self.organization.id):
            lifecycle.tick(experiment_id=made.id, at=self.now)
            made.refresh_from_db()
        return made

    def talk(
        self, units: int, *, rates: tuple[float, float] = (0.2, 0.2), phase: str = "",
        application: Application | None = None, leads_every: int = 0, **said: Any,
    ) -> None:  # fmt: skip
        """Have users talk once each; with a phase, every second one is treated. ``said``: of each one's fact."""
        said_of = [{"enterprise_lead": True} if leads_every and not number % leads_every else {} for number in
                   range(self._numbers, self._numbers + units)]  # fmt: skip
        where = application or self.application
        chance, facts, assignments = random.Random(units + self._numbers), [], []
        for number in range(self._numbers, self._numbers + units):
            arm, conversation_id = number % 2, 1_000_000 + number
            fact = Fact(
                day=self.now.date(), messages=2, session_id=f"s-{number}", started_at=self.now,
                escalation_done=chance.random() < rates[arm],
                **said, **said_of[number - self._numbers],
            )  # fmt: skip
            facts.append(
                ConversationFact(
                    organization_id=self.organization.id, application=where, day=fact.day,
                    conversation_id=conversation_id, session_id=fact.session_id, started_at=self.now,
                    escalated=fact.escalation_done, attacks_blocked=fact.attacks_blocked,
                    attacks_succeeded=fact.attacks_succeeded, churn=fact.churn, fact=msgspec.to_builtins(fact),
                )
            )  # fmt: skip
            if phase:
                assignments.append(
                    FactAssignment(
                        organization_id=self.organization.id, conversation_id=conversation_id,
                        assignment_id=f"{phase}.{arm}.{number:024x}",
                    )
                )  # fmt: skip
        self._numbers += units
        with tenant(self.organization.id):
            ConversationFact.objects.bulk_create(facts)
            FactAssignment.objects.bulk_create(assignments)
        rollups.roll_up(organization_id=self.organization.id, application_id=where.id, day=self.now.date())

    def fill(self) -> dict[str, Any]:
        """Fill the ledger and value it as a worker does; return the valuation."""
        with tenant(self.organization.id):
            filling.fill(organization=self.organization, at=self.now)
            valuing.value_all(organization=self.organization, at=self.now)
            return dict(Valuation.objects.get(application=None).content)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return (table, state, metric, period) of every row."""
        with tenant(self.organization.id):
            return sorted(
                (model.__name__, row.state, row.metric, row.period)
                for model in (BenefitLine, CostLine)
                for row in model.objects.all()
            )
