"""The board and what people do on it: filters in the address, the page of one, alerts and webhooks as they are set."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.cycles.services import turning
from apps.insights.domain.signals import Figures, Signal
from apps.insights.models import AlertSubscription, Insight
from apps.organizations.models import Application, Organization
from apps.platform.models import WebhookDelivery, WebhookEndpoint
from apps.platform.tenancy import tenant
from tests.factories import AT, make_application, make_insight, make_organization
from tests.portal.world import capture, make_member, session_of

pytestmark = pytest.mark.django_db
DRIVER = Signal(
    "driver", "upsell_rate:prompt_version:4", "upsell_rate", "low", "Prompt version <b>4</b> goes with more upsells",
    Figures(0.1, "fraction", 400, interval=(0.02, 0.18), before=0.2, detail={
        "dimension": "prompt_version", "level": "4", "with": {"n": 200, "rate": 0.3},
        "without": {"n": 200, "rate": 0.2}, "testable": True, "test_days": 6,
        "association": "not adjusted for anything else",
    }), {"upsell": "confirmed", "prompt_version": "4"},
)  # fmt: skip


class Portal:
    """An organization with an insight of each of two kinds, and its people."""

    def __init__(self) -> None:
        self.organization: Organization = make_organization(sandbox=True, clock_at=AT)
        application = make_application(self.organization)
        said = {"session_id": "s", "role": "user", "message": "hello", "timestamp": AT.isoformat()}
        capture(self.organization, [said])
        with tenant(self.organization.id):
            found = Application.objects.get(id=application.id)
            self.threshold, self.driver = make_insight(found), make_insight(found, DRIVER)
            turning.start_cycle(organization=self.organization, application=found, at=AT, slot=AT, started_by="test")

    def client(self, role: str) -> Client:
        client = Client()
        client.cookies["sessionid"] = session_of(make_member(self.organization, role, f"{role}@board.test"))
        return client

    def insight(self, found: Insight) -> Insight:
        with tenant(self.organization.id):
            row: Insight = Insight.objects.get(id=found.id)
            return row


@pytest.fixture
def portal() -> Portal:
    return Portal()


def read(client: Client, path: str, **query: Any) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200, answer.content
    return answer.text


def test_the_board_shows_what_goes_on_and_filters_stand_in_the_address(portal: Portal) -> None:
    client = portal.client("viewer")

    assert "Escalation rate is above 20%" in read(client, "/insights/")
    assert "Escalation rate" not in read(client, "/insights/", kind="driver")
    assert "goes with more upsells" in read(client, "/insights/", state="open", severity="low")
    assert "No insight fits" in read(client, "/insights/", team="business")
    assert client.get("/insights/", {"kind": "rumour"}).status_code == 400


def test_an_insight_says_what_since_when_and_how_to_test_it_and_its_words_are_text(portal: Portal) -> None:
    page = read(portal.client("analyst"), f"/insights/{portal.driver.public_id}/")

    assert "&lt;b&gt;4&lt;/b&gt;" in page
    assert "<b>4</b>" not in page
    assert "[+2.0" in page
    assert "Make it an A/B test" in page


def test_an_analyst_acknowledges_assigns_and_comments_and_a_viewer_may_not(portal: Portal) -> None:
    path = f"/insights/{portal.threshold.public_id}/"
    analyst, viewer = portal.client("analyst"), portal.client("viewer")

    assert viewer.post(f"{path}acknowledge/").status_code == 403
    assert analyst.post(f"{path}acknowledge/").status_code == 302
    assert analyst.post(f"{path}assign/", {"team": "engineering"}).status_code == 302
    analyst.post(f"{path}comment/", {"text": "The new <i>prompt</i>?"})

    row = portal.insight(portal.threshold)
    assert (row.state, row.team, row.acknowledged_by) == ("assigned", "engineering", "analyst@board.test")
    page = read(viewer, path)
    assert "The new &lt;i&gt;prompt&lt;/i&gt;?" in page
    assert "Acknowledge</button>" not in page


def test_everybody_sets_their_own_alerts_and_administrators_those_of_teams(portal: Portal) -> None:
    viewer, admin = portal.client("viewer"), portal.client("admin")
    quiet = {"floor": "medium", "digest_hour": "8", "quiet_from": "22:00", "quiet_until": "07:00"}

    assert viewer.post("/alerts/", quiet | {"quiet_until": ""}).status_code == 422
    assert viewer.post("/alerts/", quiet).status_code == 302
    assert viewer.post("/alerts/others/", {"who": "team security", "floor": "high"}).status_code == 403
    assert admin.post("/alerts/others/", {"who": "team security", "floor": "high"}).status_code == 302

    with tenant(portal.organization.id):
        mine, team = AlertSubscription.objects.order_by("id")
        assert (mine.floor, mine.digest_hour, mine.quiet_from.hour, team.team) == ("medium", 8, 22, "security")
    assert "once a day, at 08:00" in read(viewer, "/alerts/")
    assert viewer.post(f"/alerts/{team.public_id}/stop/").status_code == 403
    assert viewer.post(f"/alerts/{mine.public_id}/stop/").status_code == 302


def test_an_administrator_makes_a_webhook_whose_secret_is_shown_once_and_sends_it_a_test(portal: Portal) -> None:
    admin = portal.client("admin")
    said = {"name": "ops", "url": "https://hooks.example.test/", "shape": "standard", "events": ["insight.opened"]}

    made = admin.post("/webhooks/", said)
    assert admin.post("/webhooks/", said | {"url": "https://10.0.0.1/"}).status_code == 422
    with tenant(portal.organization.id):
        path = f"/webhooks/{WebhookEndpoint.objects.get().public_id}/"
    assert "whsec_" in made.text
    assert "whsec_" not in read(admin, path)
    assert "whsec_" in admin.post(f"{path}secret/").text

    assert admin.post(f"{path}test/").status_code == 302
    with tenant(portal.organization.id):
        event = WebhookDelivery.objects.select_related("event").get().event.public_id
    assert event in read(admin, path)
    assert admin.post(f"{path}events/{event}/").status_code == 302
    assert admin.post(f"{path}disable/").status_code == 302
    assert "switched off" in read(admin, path)
    assert admin.post(f"{path}remove/").status_code == 302


@pytest.mark.parametrize(
    "path", ["/", "/turns/", "/insights/", "/insights/{threshold}/", "/insights/{driver}/", "/alerts/"]
)
def test_a_page_with_insights_takes_few_queries(portal: Portal, path: str) -> None:
    client = portal.client("owner")
    address = path.format(threshold=portal.threshold.public_id, driver=portal.driver.public_id)
    read(client, address)

    with CaptureQueriesContext(connection) as asked:
        read(client, address)

    frame = ("SAVEPOINT", "RELEASE SAVEPOINT", "SELECT set_config")
    statements = [query["sql"] for query in asked.captured_queries if not query["sql"].startswith(frame)]
    assert len(statements) <= 12, "\n".join(statements)
