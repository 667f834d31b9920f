"""The administration: staff only, one organization at a time, and nothing done that its audit trail does not say."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.cycles.services.erasing_organizations import ask_organization_erasure, erase_organization
from apps.evaluations.models import ThreatPattern
from apps.library.models import Guardrail, GuardrailActivation
from apps.organizations.models import ApiKey, AuditEvent, Membership, Organization
from apps.organizations.selectors import find_principal
from apps.platform import clock, work
from apps.platform.administration import TenantAdmin
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from tests.architecture.test_portal_access import make_house
from tests.factories import AT, make_application, make_key, make_organization
from tests.portal.world import capture, make_member

pytestmark = pytest.mark.django_db
SAID = {"session_id": "s-inside", "role": "user", "message": "hello", "timestamp": "2026-11-02T10:00:00Z"}


def staff_client(organization: Organization, *, staff: bool = True, acting: bool = True) -> Client:
    user = make_member(organization, "viewer", f"staff@{organization.slug}.test")
    User.objects.filter(id=user.id).update(is_staff=staff, is_superuser=staff and acting)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def act(client: Client, model: str, action: str, row: int) -> None:
    answer = client.post(reverse(f"admin:{model}_changelist"), {"action": action, "_selected_action": [row]})
    assert answer.status_code == 302, answer.content


def test_signed_out_and_ordinary_people_are_kept_out() -> None:
    client = staff_client(make_organization(), staff=False)

    signed_out = Client().get("/admin/", follow=True)
    ordinary = client.get("/admin/", follow=True)

    assert signed_out.redirect_chain[-1][0].startswith("/accounts/login/")
    assert ordinary.status_code == 403


def test_every_page_opens_for_staff_and_tenant_rows_only_after_entering() -> None:
    organization = make_organization()
    capture(organization, [SAID])
    client = staff_client(organization)
    pages = {
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"): isinstance(rows, TenantAdmin)
        for model, rows in admin.site._registry.items()
        if model.__module__.startswith(("apps.", "django.contrib.auth"))
    }

    before = {page: client.get(page).status_code for page in pages}
    act(client, "organizations_organization", "enter_organization", organization.id)
    after = {page: client.get(page).status_code for page in pages}

    assert before == {page: 403 if of_tenant else 200 for page, of_tenant in pages.items()}
    assert after == dict.fromkeys(pages, 200)
    assert list(pages.values()).count(True) >= 4


def test_second_factors_and_tokens_are_nobodys_to_read() -> None:
    models = {f"{model.__module__.split('.')[-2]}.{model.__name__}" for model in admin.site._registry}

    assert models.isdisjoint({"mfa.Authenticator", "socialaccount.SocialToken", "account.EmailAddress"})


def test_who_enters_sees_that_organization_alone_and_its_audit_trail_says_so() -> None:
    organization, other = make_organization(), make_organization()
    capture(organization, [SAID])
    capture(other, [SAID | {"session_id": "s-elsewhere"}])
    client = staff_client(other)

    act(client, "organizations_organization", "enter_organization", organization.id)
    seen = client.get(reverse("admin:ingestion_conversation_changelist")).text
    act(client, "organizations_organization", "leave_organization", organization.id)
    left = client.get(reverse("admin:ingestion_conversation_changelist")).status_code

    assert ("s-inside" in seen, "s-elsewhere" in seen, left) == (True, False, 403)
    entered = AuditEvent.objects.get(action="administration.entered")
    assert (entered.organization, entered.actor) == (organization, f"staff@{other.slug}.test")


def test_an_organizations_settings_are_changed_on_the_record() -> None:
    organization = make_organization()
    client = staff_client(organization)
    address = reverse("admin:organizations_organization_change", args=[organization.id])
    form = {"name": "Renamed", "zone": "UTC", "currency": "EUR", "redaction": "drop", "retention_days": 14,
            "rate_share": 9}  # fmt: skip

    assert client.post(address, form).status_code == 302

    organization.refresh_from_db()
    assert (organization.name, organization.redaction, organization.retention_days) == ("Renamed", "drop", 14)
    assert organization.rate_share == 9
    detail = AuditEvent.objects.get(action="organization.changed").detail
    assert (detail["redaction"], detail["retention_days"]) == ("drop", "14")


def test_the_last_owner_stays_one() -> None:
    organization = make_organization()
    owner = Membership.objects.get(user=make_member(organization, "owner"))
    client = staff_client(organization)
    address = reverse("admin:organizations_membership_change", args=[owner.id])

    answer = client.post(address, {"role": "viewer", "team": "product"}, follow=True)

    assert "at least one owner" in answer.text
    assert Membership.objects.get(id=owner.id).role == "owner"


def test_a_key_is_revoked_and_never_shown() -> None:
    organization = make_organization()
    secret = make_key(organization, "read", application=make_application(organization))
    key = ApiKey.objects.get(organization=organization)
    client = staff_client(organization)

    page = client.get(reverse("admin:organizations_apikey_change", args=[key.id])).text
    act(client, "organizations_apikey", "revoke", key.id)

    key.refresh_from_db()
    assert key.revoked_at is not None
    assert secret not in page
    assert key.sha256 not in page
    assert AuditEvent.objects.filter(action="key.revoked").count() == 1


def test_parked_work_is_found_and_tried_again_on_the_record() -> None:
    organization = make_organization()
    with tenant(organization.id):
        work.ask("cycles.turn", organization_id=organization.id, key="waits")
        work.park("cycles.turn", organization_id=organization.id, key="stuck", reason="it broke")
    client, jobs = staff_client(organization), reverse("admin:platform_workitem_changelist")
    stuck = WorkItem.objects.get(key="stuck")

    listed = {state: client.get(jobs, {"state": state}).text for state in ("parked", "waiting", "under_way")}
    act(client, "platform_workitem", "try_again", stuck.id)
    act(client, "platform_workitem", "try_again", WorkItem.objects.get(key="waits").id)

    assert [state for state, page in listed.items() if "it broke" in page] == ["parked"]
    stuck.refresh_from_db()
    assert (stuck.parked_reason, stuck.attempts) == ("", 0)
    row = AuditEvent.objects.get(action="work.tried_again")
    assert (row.organization, row.subject) == (organization, "cycles.turn stuck")


def test_staff_who_may_not_act_read_and_do_nothing() -> None:
    organization = make_organization()
    secret = make_key(organization, "read", application=make_application(organization))
    client = staff_client(organization, acting=False)
    key = ApiKey.objects.get(organization=organization)

    client.post(reverse("admin:organizations_apikey_changelist"), {"action": "revoke", "_selected_action": [key.id]})
    client.post(
        reverse("admin:organizations_organization_changelist"),
        {"action": "enter_organization", "_selected_action": [organization.id]},
    )
    changed = client.post(
        reverse("admin:organizations_organization_change", args=[organization.id]), {"name": "Renamed"}
    )

    key.refresh_from_db()
    assert key.revoked_at is None
    assert find_principal(secret, clock.wall()) is not None
    assert client.get(reverse("admin:ingestion_conversation_changelist")).status_code == 403
    assert changed.status_code == 403
    assert client.get(reverse("admin:organizations_apikey_changelist")).status_code == 200


def test_a_pattern_and_a_guardrail_that_harm_are_taken_out_by_the_operator_on_the_record() -> None:
    house = make_house("ours")
    organization = house.organization
    with tenant(organization.id):
        pattern = ThreatPattern.objects.get()
        guardrail = Guardrail.objects.get()
        standing = GuardrailActivation.objects.create(
            organization_id=organization.id, guardrail=guardrail, name=guardrail.name, requested_by="test",
            requested_at=AT, at=AT,
        )  # fmt: skip
    client = staff_client(organization)
    act(client, "organizations_organization", "enter_organization", organization.id)

    act(client, "evaluations_threatpattern", "retire", pattern.id)
    act(client, "library_guardrailactivation", "take_out", standing.id)

    with tenant(organization.id):
        assert ThreatPattern.objects.get().status == "retired"
        assert GuardrailActivation.objects.get().ended_by == "staff@ours.test"
    actions = AuditEvent.objects.filter(organization=organization, actor="staff@ours.test")
    assert {"threat_pattern.retired", "guardrail.deactivated"} <= set(actions.values_list("action", flat=True))


def test_erased_organizations_are_listed_without_their_names() -> None:
    organization, other = make_organization("secret-name"), make_organization()
    ask_organization_erasure(organization=organization, actor="owner@x.test")
    erase_organization(organization_id=organization.id)

    page = staff_client(other).get(reverse("admin:organizations_organizationerasure_changelist")).text

    assert "owner@x.test" in page
    assert "secret-name" not in page


def test_a_quota_of_the_operators_holds_all_keys_of_an_organization_together(settings: Any) -> None:
    settings.RATE_LIMITS = {"read": (0.001, 2), "ingest": (0.001, 2)}
    organization = make_organization(rate_share=1)
    keys = [make_key(organization, "read") for _ in range(2)]

    answers = [
        Client().get("/api/v1/conversations/none", headers={"Authorization": f"Bearer {key}"}).status_code
        for key in (*keys, *keys)
    ]

    assert answers == [404, 404, 429, 429]
