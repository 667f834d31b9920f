"""Webhooks against a real receiver: signed, retried under the same id, left when nobody answers, sent again by hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from standardwebhooks import Webhook, WebhookVerificationError

from apps.organizations.models import AuditEvent, Organization
from apps.organizations.services import delivering, webhooks
from apps.platform import clock, outbox
from apps.platform.models import OutboxEvent, WebhookDelivery, WebhookEndpoint, WorkItem
from apps.platform.tenancy import tenant
from tests.factories import AT, make_application, make_insight, make_key, make_organization

pytestmark = pytest.mark.django_db


class Receiver:
    """A server that keeps what it was sent and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ids(self) -> set[str]:
        return {headers["webhook-id"] for headers, _ in self.got}


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    running = Receiver()
    settings.OUTBOUND_ALLOWED = [running.host]
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def call(organization: Organization, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {make_key(organization, 'admin')}"}
    return Client().generic(
        method, f"/api/v1/webhooks{path}", json.dumps(body or {}), content_type="application/json", headers=headers
    )


def make_endpoint(organization: Organization, receiver: Receiver, **said: Any) -> dict[str, Any]:
    body = {"url": f"http://{receiver.host}/hook", "events": ["insight.opened"], "name": "ops"} | said
    answer = call(organization, "POST", "", body)
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def work_off(organization: Organization, at: datetime | None = None) -> list[timedelta]:
    """Do every delivery that is asked for, once; return how long until each is tried again."""
    waits = []
    for item in WorkItem.objects.filter(organization=organization, kind=outbox.DELIVER):
        item.delete()
        delivering.deliver(organization_id=organization.id, delivery_id=int(item.key), at=at or clock.wall())
        again = WorkItem.objects.filter(organization=organization, key=item.key, kind=outbox.DELIVER).first()
        if again is not None:
            waits.append(timedelta(seconds=round((again.due_at - again.created_at).total_seconds())))
    return waits


def open_insight(organization: Organization) -> None:
    application = make_application(organization)
    with tenant(organization.id):
        make_insight(application)


def test_an_event_is_delivered_signed_with_what_happened(organization: Organization, receiver: Receiver) -> None:
    secret = make_endpoint(organization, receiver)["secret"]
    open_insight(organization)
    work_off(organization)

    ((headers, body),) = receiver.got
    told = Webhook(secret).verify(body, headers)
    assert (told["type"], told["data"]["summary"]) == ("insight.opened", "Medium: Escalation rate is above 20%")
    assert told["data"]["url"].endswith(f"/insights/{told['data']['insight']}/")
    assert told["data"]["id"] == headers["webhook-id"]


def test_five_hundreds_are_retried_under_the_same_id_with_a_signature_of_their_own_time(
    organization: Organization, receiver: Receiver
) -> None:
    secret = make_endpoint(organization, receiver)["secret"]
    receiver.answers = [500, 503]
    open_insight(organization)

    assert work_off(organization, clock.wall() - timedelta(minutes=6)) == [timedelta(seconds=5)]
    assert work_off(organization) == [timedelta(seconds=30)]
    assert work_off(organization) == []

    assert (len(receiver.got), len(receiver.ids())) == (3, 1)
    (late, body), _, (headers, same) = receiver.got
    assert body == same
    Webhook(secret).verify(same, headers)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(body, late)
    with tenant(organization.id):
        delivery = WebhookDelivery.objects.get()
        assert (delivery.state, delivery.attempts, delivery.status) == ("delivered", 3, 204)
        assert WebhookEndpoint.objects.get().failing_since is None


def test_an_endpoint_that_never_answers_is_left_and_goes_on_where_it_was_when_switched_on(
    organization: Organization, receiver: Receiver
) -> None:
    made = make_endpoint(organization, receiver)
    open_insight(organization)
    at = clock.wall()
    receiver.answers = [500] * 20
    for wait in (timedelta(), *delivering.BACKOFF):
        at += wait
        work_off(organization, at)
    receiver.answers = []

    told = call(organization, "GET", f"/{made['id']}").json()
    assert (told["state"], len(receiver.got)) == ("disabled", 9)
    assert told["reason"].startswith("nothing was delivered since")
    assert AuditEvent.objects.filter(action="webhook.disabled", subject=made["id"]).count() == 1
    with tenant(organization.id):
        outbox.emit("insight.opened", key="n_later", at=AT, summary="Later", payload={})
    assert work_off(organization) == []
    assert len(receiver.got) == 9

    assert call(organization, "POST", f"/{made['id']}/enable").json()["state"] == "active"
    assert call(organization, "POST", f"/{made['id']}/replay", {"since": AT.isoformat()}).json() == {"events": 2}
    work_off(organization)
    sent = call(organization, "GET", f"/{made['id']}/deliveries").json()["results"]
    assert [each["state"] for each in sent] == ["delivered", "delivered"]
    assert len(receiver.ids()) == 2


def test_one_that_says_it_is_gone_is_left_at_once(organization: Organization, receiver: Receiver) -> None:
    made = make_endpoint(organization, receiver)
    receiver.answers = [410]
    open_insight(organization)

    assert work_off(organization) == []
    assert call(organization, "GET", f"/{made['id']}").json()["reason"] == "it answered 410: it is gone"


def test_a_delivery_sent_again_by_hand_has_the_id_it_had(organization: Organization, receiver: Receiver) -> None:
    made = make_endpoint(organization, receiver)
    open_insight(organization)
    work_off(organization)
    (event,) = receiver.ids()

    assert call(organization, "POST", f"/{made['id']}/replay", {"event": event}).status_code == 202
    work_off(organization)

    assert (len(receiver.got), receiver.ids()) == (2, {event})
    assert call(organization, "POST", f"/{made['id']}/replay", {"event": "e_NONE"}).status_code == 404


def test_a_secret_is_shown_once_kept_encrypted_and_after_a_rotation_both_sign_for_a_day(
    organization: Organization, receiver: Receiver
) -> None:
    made = make_endpoint(organization, receiver)
    new = call(organization, "POST", f"/{made['id']}/rotate").json()["secret"]
    open_insight(organization)
    work_off(organization)

    ((headers, body),) = receiver.got
    for secret in (made["secret"], new):
        Webhook(secret).verify(body, headers)
    assert "secret" not in call(organization, "GET", f"/{made['id']}").json()
    with tenant(organization.id), connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(w)::text FROM platform_webhookendpoint w")
        (stored,) = cursor.fetchone()
    assert new not in stored
    assert made["secret"] not in stored
    assert receiver.host + "/hook" not in stored


def test_slacks_shape_is_text_in_which_nothing_is_a_link_or_a_mention_but_ours(
    organization: Organization, receiver: Receiver
) -> None:
    made = make_endpoint(organization, receiver, shape="slack", events=[])
    with tenant(organization.id):
        endpoint = WebhookEndpoint.objects.get()
        outbox.tell_endpoint(endpoint, outbox.ALERT, key="n_1", at=AT, summary="<!channel> & <http://evil.test>",
                             path="/insights/n_1/", payload={})  # fmt: skip
    work_off(organization)

    ((headers, body),) = receiver.got
    text, link = json.loads(body)["text"].split("\n")
    assert text == "&lt;!channel&gt; &amp; &lt;http://evil.test&gt;"
    assert link.endswith("/insights/n_1/|Open it in Flywheel>")
    assert (made["secret"], made["url"], "webhook-signature" in headers) == (None, None, False)


def test_what_rolls_back_was_never_told_of_and_what_happened_is_told_once(
    organization: Organization, receiver: Receiver
) -> None:
    make_endpoint(organization, receiver)
    with pytest.raises(RuntimeError), tenant(organization.id):
        outbox.emit("insight.opened", key="n_1", at=AT, summary="Never", payload={})
        raise RuntimeError
    with tenant(organization.id):
        for _ in range(2):
            outbox.emit("insight.opened", key="n_1", at=AT, summary="Once", payload={})
        assert [event.summary for event in OutboxEvent.objects.all()] == ["Once"]
        assert WebhookDelivery.objects.count() == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/", "https://2130706433/", "https://0x7f.1/", "https://user@example.com/",
        "http://example.com/", "file:///etc/passwd", "https://exa mple.com/", "",
        f"https://{'a' * 300}.example/",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_with_its_reason(organization: Organization, url: str) -> None:
    answer = call(organization, "POST", "", {"url": url, "events": ["insight.opened"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_webhook"), answer.content


def test_a_name_that_leads_inside_is_refused_when_it_is_connected_to(organization: Organization) -> None:
    """Rebinding: the name was fine when the webhook was made."""
    with tenant(organization.id):
        made = webhooks.create_endpoint(
            organization_id=organization.id, name="inside", url="https://name.example/", events=["insight.opened"],
            shape="standard", at=AT, actor="test",
        )  # fmt: skip
        made.row.url = "https://localhost/"
        made.row.save()
    open_insight(organization)
    assert work_off(organization) == [timedelta(seconds=5)]
    with tenant(organization.id):
        assert "private network" in WebhookDelivery.objects.get().error


def test_a_key_of_one_application_has_no_webhooks(organization: Organization) -> None:
    key = make_key(organization, "admin", application=make_application(organization))
    answer = Client().get("/api/v1/webhooks", headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "bound_key")
