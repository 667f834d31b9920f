"""An organization with a prompt in production and improvements of every state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import Client

from apps.improvements.models import Improvement
from apps.library.services import prompts
from apps.organizations.models import Application, Organization
from apps.platform.tenancy import tenant
from tests.factories import AT, make_application, make_improvement, make_organization
from tests.portal.world import make_member

ADDRESS = "/improvements/"
OUTCOME = {
    "metric": "escalation_rate", "units": 8_112, "grade": "A randomised",
    "comparisons": [{"variant": "treatment", "difference": -0.112, "interval": [-0.131, -0.093]}],
}  # fmt: skip


class Shop:
    """An organization with a prompt in production, its improvements, and an analyst who looks at them."""

    def __init__(self) -> None:
        self.organization: Organization = make_organization(sandbox=True, clock_at=AT + timedelta(days=3))
        self.application: Application = make_application(self.organization)
        with tenant(self.organization.id):
            prompts.create_prompt(
                organization_id=self.organization.id, name="support", content="Be kind.", labels=["production"],
                at=AT, actor="test",
            )  # fmt: skip
        self.client = Client()
        self.client.force_login(
            make_member(self.organization, "analyst"), backend="django.contrib.auth.backends.ModelBackend"
        )

    def propose(self, title: str, **state: Any) -> Improvement:
        with tenant(self.organization.id):
            return make_improvement("support", self.application, title, content=f"Be {title}.", **state)

    def board(self, **asked: Any) -> dict[str, list[str]]:
        """Return the titles in each column, the folded one last."""
        context = self.client.get(ADDRESS, asked).context
        return {
            each["name"]: [card["title"] for card in each["rows"]] for each in (*context["columns"], context["closed"])
        }

    def card(self, title: str) -> dict[str, Any]:
        answer = self.client.get(ADDRESS)
        found: dict[str, Any] = next(
            card
            for each in (*answer.context["columns"], answer.context["closed"])
            for card in each["rows"]
            if card["title"] == title
        )
        return found
