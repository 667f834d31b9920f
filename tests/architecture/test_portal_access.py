"""Every address of the portal, for every role, with every foreign id; an address nobody listed here fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, reverse

from apps.cycles.services import turning
from apps.evaluations.models import EvaluationRun
from apps.evaluations.selectors import get_conversation
from apps.evaluations.services import pinning, runs, threat_patterns
from apps.ingestion.models import Batch, Conversation
from apps.insights.services import alerting
from apps.library import selectors as library
from apps.library.models import ResponseTemplate
from apps.library.services import guardrails, prompts, sharing
from apps.organizations import services
from apps.organizations.models import ApiKey, Application, AuditEvent, Invitation, Membership, Organization
from apps.organizations.services import views, webhooks
from apps.platform import clock
from apps.platform.tenancy import tenant
from apps.reports.domain.periods import month
from apps.reports.models import BenefitLine
from apps.reports.services import assumptions, reporting
from flywheel import portal_urls, urls
from tests.factories import make_experiment, make_improvement, make_insight, make_key, make_organization
from tests.portal.world import capture, make_member

pytestmark = pytest.mark.django_db
ROLES = frozenset(Membership.Role.values)
ADMINISTRATORS = frozenset({"owner", "admin"})
WORKERS = ADMINISTRATORS | {"analyst"}
READERS = ROLES - {"aggregates"}


@dataclass(frozen=True)
class Door:
    """Who may read an address, who may post to it (None: nobody, 405), and which of its parts are ids of rows."""

    read: frozenset[str] | None
    write: frozenset[str] | None = None
    ids: tuple[str, ...] = ()
    form: dict[str, Any] = field(default_factory=dict)


DOORS = {
    "home": Door(ROLES),
    "home_turns": Door(ROLES),
    "start": Door(ROLES),
    "listening": Door(ROLES),
    "conversations": Door(READERS),
    "conversations_csv": Door(READERS),
    "erase_person": Door(None, ADMINISTRATORS, ids=("conversation_id",)),
    "conversation": Door(READERS, ids=("conversation_id",)),
    "security": Door(ROLES),
    "judge": Door(None, WORKERS, ids=("conversation_id",), form={"verdict": "attack"}),
    "audit_sample": Door(READERS, WORKERS),
    "threat_patterns": Door(
        READERS, WORKERS, form={"name": "new", "pattern": "glass rain", "type": "jailbreak", "severity": "high"}
    ),
    "act_on_threat_pattern": Door(None, ADMINISTRATORS, ids=("pattern_id", "action")),
    "quality": Door(ROLES),
    "quality_outlook": Door(ROLES),
    "quality_topics": Door(ROLES),
    "business": Door(ROLES),
    "performance": Door(ROLES),
    "batches": Door(ROLES),
    "upload": Door(WORKERS, WORKERS),
    "batch": Door(ROLES, ids=("batch_id",)),
    "batch_status": Door(ROLES, ids=("batch_id",)),
    "rejected_lines": Door(READERS, ids=("batch_id",)),
    "rejected_json": Door(READERS, ids=("batch_id",)),
    "redrive_batch": Door(None, WORKERS, ids=("batch_id",)),
    "sources": Door(ROLES),
    "runs": Door(ROLES, WORKERS, form={"application": "ours-app", "sample": 100}),
    "run": Door(ROLES, ids=("run_id",)),
    "run_progress": Door(ROLES, ids=("run_id",)),
    "cancel_run": Door(None, WORKERS, ids=("run_id",)),
    "insights": Door(ROLES),
    "insights_csv": Door(ROLES),
    "insight": Door(ROLES, ids=("insight_id",)),
    "acknowledge_insight": Door(None, WORKERS, ids=("insight_id",)),
    "assign_insight": Door(None, WORKERS, ids=("insight_id",), form={"team": "product"}),
    "comment_on_insight": Door(None, WORKERS, ids=("insight_id",), form={"text": "I look into it."}),
    "improvements": Door(ROLES),
    "improvements_column": Door(ROLES),
    "improvement": Door(ROLES, ids=("improvement_id",)),
    "act_on_improvement": Door(None, WORKERS, ids=("improvement_id", "action")),
    "experiments": Door(ROLES),
    "plan_experiment": Door(ROLES, WORKERS),
    "experiment": Door(ROLES, ids=("experiment_id",)),
    "act_on_experiment": Door(None, WORKERS, ids=("experiment_id", "action")),
    "experiment_money": Door(ROLES, ids=("experiment_id",)),
    "landing": Door(ROLES),
    "roi": Door(ROLES),
    "roi_reports": Door(ROLES, WORKERS | {"executive"}, form={"kind": "on_demand"}),
    "roi_report": Door(ROLES, ids=("report_id",)),
    "roi_report_file": Door(ROLES, ids=("report_id", "form")),
    "roi_line": Door(ROLES, ids=("source_id",)),
    "roi_assumptions": Door(
        ROLES,
        ADMINISTRATORS,
        form={"key": "hourly_rate", "low": 1, "mode": 2, "high": 3, "owner": "a", "source": "guess"},
    ),
    "act_on_assumption": Door(None, ADMINISTRATORS, ids=("assumption_id", "action")),
    "roi_finance": Door(None, ADMINISTRATORS, form={"member": "1", "may": "no"}),
    "guardrails": Door(ROLES, WORKERS, form={"name": "new", "content": '{"sanitise": true}'}),
    "guardrail": Door(ROLES, WORKERS, ids=("name",), form={"content": '{"longest_input": 500}'}),
    "act_on_guardrail": Door(None, WORKERS, ids=("name", "number", "action")),
    "two_people": Door(None, ADMINISTRATORS, form={"asked": "yes"}),
    "prompts": Door(ROLES, WORKERS, form={"name": "new", "text": "Be kind.", "production": "on"}),
    "templates": Door(READERS),
    "templates_csv": Door(READERS),
    "find_templates": Door(None, WORKERS),
    "template": Door(READERS, WORKERS, ids=("template_id",), form={"name": "n", "text": "Be well.", "reason": "r"}),
    "act_on_template": Door(None, WORKERS, ids=("template_id", "action"), form={"reason": "old"}),
    "entries": Door(ROLES),
    "share_version": Door(None, WORKERS, ids=("name", "number")),
    "withdraw_entry": Door(None, WORKERS, ids=("entry_id",)),
    "adopt_entry": Door(None, WORKERS, ids=("entry_id",)),
    "prompt": Door(ROLES, WORKERS, ids=("name",), form={"text": "Be brief."}),
    "label_version": Door(None, WORKERS, ids=("name", "number"), form={"label": "staging"}),
    "cycles": Door(ROLES, WORKERS, form={"application": "ours-app"}),
    "cycle": Door(ROLES, ids=("cycle_id",)),
    "retry_cycle": Door(None, WORKERS, ids=("cycle_id",)),
    "cycle_config": Door(ADMINISTRATORS, ADMINISTRATORS, ids=("slug",), form={"text": "schedule: weekly"}),
    "applications": Door(ROLES),
    "create_application": Door(ADMINISTRATORS, ADMINISTRATORS, form={"name": "New", "slug": "new"}),
    "application": Door(ROLES, ADMINISTRATORS, ids=("slug",), form={"profile": "{}"}),
    "models": Door(ADMINISTRATORS),
    "model": Door(ADMINISTRATORS, ADMINISTRATORS, form={"base_url": "https://93.184.216.34/v1", "model": "m"}),
    "remove_model": Door(None, ADMINISTRATORS),
    "team": Door(ROLES, ADMINISTRATORS, form={"email": "new@a.test", "role": "viewer", "team": "product"}),
    "change_member": Door(None, ADMINISTRATORS, ids=("member_id",), form={"role": "viewer", "team": "product"}),
    "remove_member": Door(None, ADMINISTRATORS, ids=("member_id",)),
    "revoke_invitation": Door(None, ADMINISTRATORS, ids=("invitation_id",)),
    "keys": Door(ADMINISTRATORS, ADMINISTRATORS, form={"name": "new", "scopes": ["read"]}),
    "rotate_key": Door(None, ADMINISTRATORS, ids=("prefix",)),
    "revoke_key": Door(None, ADMINISTRATORS, ids=("prefix",)),
    "alerts": Door(ROLES, ROLES, form={"floor": "high"}),
    "subscribe_others": Door(None, ADMINISTRATORS, form={"who": "team product", "floor": "high"}),
    "unsubscribe_alerts": Door(None, ADMINISTRATORS, ids=("subscription_id",)),
    "webhooks": Door(
        ADMINISTRATORS, ADMINISTRATORS, form={"name": "new", "url": "https://hooks.example.test/", "shape": "standard"}
    ),
    "webhook": Door(ADMINISTRATORS, ids=("webhook_id",)),
    "rotate_webhook": Door(None, ADMINISTRATORS, ids=("webhook_id",)),
    "send_webhook_again": Door(None, ADMINISTRATORS, ids=("webhook_id", "event_id")),
    "act_on_webhook": Door(None, ADMINISTRATORS, ids=("webhook_id", "action")),
    "redaction": Door(ADMINISTRATORS, ADMINISTRATORS, form={"policy": "drop"}),
    "audit": Door(ADMINISTRATORS),
    "organization": Door(ADMINISTRATORS, ADMINISTRATORS, form={"form": "safety"}),
    "pin_conversation": Door(None, WORKERS, ids=("conversation_id",), form={"reason": "for the training"}),
    "pinned": Door(READERS),
    "pinned_conversation": Door(READERS, ids=("pin_id",)),
    "unpin_conversation": Door(None, WORKERS, ids=("pin_id",)),
    "erase_organization": Door(None, frozenset({"owner"}), form={"confirm": "another"}),
    "save_view": Door(None, ROLES, form={"page": "conversations", "name": "new", "query": "q=a"}),
    "act_on_view": Door(None, ROLES, ids=("view_id", "action")),
}
# Not about one organization: any signed-in person.
PERSONAL = {"organizations", "switch_organization", "invitation", "styleguide"}
ELSEWHERE = {"livez", "readyz", "api/v1/", "api/docs/", "accounts/", "admin/", ""}


@dataclass(frozen=True)
class House:
    """An organization with one row of each kind."""

    organization: Organization
    ids: dict[str, Any]

    def state(self) -> list[Any]:
        """Return what another organization must not be able to change."""
        rows: list[Any] = []
        for model in (Membership, Invitation, ApiKey):
            rows += model.objects.filter(organization=self.organization).order_by("id").values()
        with tenant(self.organization.id):
            rows += EvaluationRun.objects.order_by("id").values()
        return [*rows, AuditEvent.objects.filter(organization=self.organization).count()]


def share(slug: str) -> str:
    prompt = library.find_prompt(f"{slug}-prompt")
    version = library.find_version(prompt, 1) if prompt else None
    assert version is not None
    return sharing.share(version=version, metric="escalation_rate", at=clock.wall(), actor="test")[0].public_id


def template() -> str:
    said = Conversation.objects.get()
    made: ResponseTemplate = ResponseTemplate.objects.create(
        organization_id=said.organization_id, public_id=f"t_{said.id}", application=said.application, conversation=said,
        session_id=said.session_id, text="Be well.", score=9.5, said_at=said.started_at, proposed_at=clock.wall(),
    )  # fmt: skip
    return made.public_id


def pinned(organization: Organization) -> int:
    found = get_conversation(Conversation.objects.get().id)
    assert found is not None
    return pinning.pin(found=found, organization=organization, reason="kept", at=clock.wall(), actor="test").id


def make_house(slug: str) -> House:
    organization = make_organization(slug)
    said = {"session_id": "s", "role": "user", "message": "hello", "timestamp": datetime.now(UTC).isoformat()}
    capture(organization, [said], application=f"{slug}-app")
    make_key(organization)
    member = make_member(organization, "viewer", f"member@{slug}.test")
    invited = services.invite(
        organization=organization, email=f"guest@{slug}.test", role="viewer", team="product", at=clock.wall(),
        actor="test", actor_role="owner",
    )  # fmt: skip
    with tenant(organization.id):
        run = runs.start_run(
            organization=organization, application=Application.objects.get(), at=clock.wall(), asked_by="test"
        )
        cycle = turning.start_cycle(
            organization=organization, application=Application.objects.get(), at=clock.wall(), slot=clock.wall(),
            started_by="test",
        )  # fmt: skip
        prompts.create_prompt(
            organization_id=organization.id, name=f"{slug}-prompt", content="Be kind.", labels=["production"],
            at=clock.wall(), actor="test",
        )  # fmt: skip
        guardrails.add_guardrail_version(
            organization_id=organization.id, name=f"{slug}-prompt", content={"sanitise": True}, at=clock.wall(),
            actor="test",
        )  # fmt: skip
        experiment = make_experiment(f"{slug}-prompt")
        endpoint = webhooks.create_endpoint(
            organization_id=organization.id, name="hook", url="https://hooks.example.test/", events=["insight.opened"],
            shape="standard", at=clock.wall(), actor="test",
        ).row  # fmt: skip
        said = assumptions.say(
            application=Application.objects.get(), at=clock.wall(), actor="test",
            said=assumptions.Said("licence", *[Decimal(1)] * 3, "unit", "a", "guess", clock.wall().date()),
        )  # fmt: skip
        line = BenefitLine.objects.create(
            organization_id=organization.id, application=said.application, source_kind="experiment",
            source_id=f"x_{slug}", metric="escalation_rate", period="2026-10", name="one", state="no_winner",
            decided_at=clock.wall(), written_at=clock.wall(), scope="arm",
        )  # fmt: skip
        report = reporting.ask(
            organization=organization, application=None, period=month("2026-10"), at=clock.wall(), actor="test"
        )
        ids = {
            "webhook_id": endpoint.public_id,
            "event_id": webhooks.send_test(endpoint=endpoint, at=clock.wall(), actor="test"),
            "subscription_id": alerting.subscribe(
                organization_id=organization.id, team="security", floor="high", at=clock.wall(), actor="test"
            ).public_id,
            "view_id": views.save_view(
                member=Membership.objects.get(user=member, organization=organization),
                page="insights",
                name="grave",
                query="severity=high",
                shared=True,
                at=clock.wall(),
                actor="test",
            ).public_id,
            "insight_id": make_insight(Application.objects.get()).public_id,
            "report_id": report.public_id,
            "source_id": line.source_id,
            "assumption_id": said.id,
            "form": "pdf",
            "experiment_id": experiment.public_id,
            "improvement_id": make_improvement(f"{slug}-prompt", Application.objects.get()).public_id,
            "entry_id": share(slug),
            "name": f"{slug}-prompt",
            "number": 1,
            "pattern_id": threat_patterns.create_pattern(
                organization_id=organization.id,
                name="glass-snow",
                pattern="glass snow",
                kind="jailbreak",
                severity="high",
                at=clock.wall(),
                actor="test",
            )[0].id,
            "action": "approve",
            "purpose": "probes",
            "pin_id": pinned(organization),
            "template_id": template(),
            "run_id": run.public_id,
            "cycle_id": cycle.public_id,
            "conversation_id": Conversation.objects.get().id,
            "batch_id": Batch.objects.get().public_id,
            "slug": f"{slug}-app",
            "member_id": Membership.objects.get(user=member, organization=organization).id,
            "invitation_id": invited.row.id,
            "prefix": ApiKey.objects.filter(organization=organization)[0].prefix,
        }
    return House(organization, ids)


@pytest.fixture
def ours() -> House:
    return make_house("ours")


@pytest.fixture
def theirs() -> House:
    return make_house("theirs")


def client_of(house: House, role: str, **options: Any) -> Client:
    client = Client(**options)
    user = make_member(house.organization, role, f"{role}@{house.organization.slug}.test")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def address(name: str, house: House) -> str:
    return reverse(name, kwargs={each: house.ids[each] for each in DOORS[name].ids})


def asked(client: Client, house: House) -> Iterator[tuple[str, str, HttpResponse]]:
    for name, door in DOORS.items():
        yield name, "GET", client.get(address(name, house))
        yield name, "POST", client.post(address(name, house), door.form)


def test_every_address_is_listed_with_who_may_open_it() -> None:
    patterns = [pattern for pattern in portal_urls.urlpatterns if isinstance(pattern, URLPattern)]

    assert len(patterns) == len(portal_urls.urlpatterns)
    assert {pattern.name for pattern in patterns} == set(DOORS) | PERSONAL, "list the new address, and who may open it"
    assert {str(pattern.pattern) for pattern in urls.urlpatterns} == ELSEWHERE, "a new root needs a guard of its own"
    parts = {pattern.name: set(pattern.pattern.converters) for pattern in patterns if pattern.name in DOORS}
    assert parts == {name: set(door.ids) for name, door in DOORS.items()}


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_opens_its_own_doors_and_no_other(ours: House, role: str) -> None:
    refused = {
        (name, method) for name, method, answer in asked(client_of(ours, role), ours) if answer.status_code == 403
    }

    assert refused == {
        (name, method)
        for name, door in DOORS.items()
        for method, allowed in (("GET", door.read), ("POST", door.write))
        if allowed is not None and role not in allowed
    }


def test_nothing_answers_with_an_error_of_ours(ours: House) -> None:
    broken = [
        (name, method, answer.status_code)
        for name, method, answer in asked(client_of(ours, "owner"), ours)
        if answer.status_code >= 500
    ]

    assert broken == []


def test_a_method_nobody_may_use_is_405(ours: House) -> None:
    unused = {
        (name, method) for name, method, answer in asked(client_of(ours, "owner"), ours) if answer.status_code == 405
    }

    assert unused == {
        (name, method)
        for name, door in DOORS.items()
        for method, allowed in (("GET", door.read), ("POST", door.write))
        if allowed is None
    }


@pytest.mark.parametrize("role", sorted(ROLES))
def test_another_organizations_ids_are_not_there_and_stay_as_they_are(ours: House, theirs: House, role: str) -> None:
    client, before = client_of(ours, role), theirs.state()

    opened = {
        (name, method): answer.status_code
        for name, door in DOORS.items()
        if door.ids
        for method, answer in (
            ("GET", client.get(address(name, theirs))),
            ("POST", client.post(address(name, theirs), door.form)),
        )
        if answer.status_code not in (403, 404, 405)
    }

    assert opened == {}
    assert theirs.state() == before


def test_another_organizations_application_is_not_there_on_any_page(ours: House, theirs: House) -> None:
    client, slug = client_of(ours, "owner"), theirs.ids["slug"]

    answers = {name: client.get(address(name, ours), {"application": slug}).status_code
               for name, door in DOORS.items() if door.read}  # fmt: skip

    assert answers == dict.fromkeys(answers, 404)


def test_another_organization_cannot_be_switched_to(ours: House, theirs: House) -> None:
    client = client_of(ours, "owner")

    assert client.post(reverse("switch_organization"), {"organization": "theirs"}).status_code == 404
    assert client.get("/").status_code == 200


def test_signed_out_nothing_opens(ours: House) -> None:
    opened = {
        (name, method, answer.status_code)
        for name, method, answer in asked(Client(), ours)
        if answer.status_code != 405 and not str(answer.get("Location", "")).startswith("/accounts/login/")
    }

    assert opened == set()


def test_every_post_needs_its_token(ours: House) -> None:
    client, before = client_of(ours, "owner", enforce_csrf_checks=True), ours.state()

    writable = [name for name, door in DOORS.items() if door.write]
    refused = {name: client.post(address(name, ours), DOORS[name].form).status_code for name in writable}

    assert refused == dict.fromkeys(writable, 403)
    assert ours.state() == before
