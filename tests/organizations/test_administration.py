"""The administration: staff only, one organization at a time, and nothing done that its audit trail does not say."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.organizations.models import ApiKey, AuditEvent, Membership, Organization
from apps.platform.administration import TenantAdmin
from tests.factories import make_application, make_key, make_organization
from tests.portal.world import capture, make_member

pytestmark = pytest.mark.django_db
SAID = {"session_id": "s-inside", "role": "user", "message": "hello", "timestamp": "2026-11-02T10:00:00Z"}


def staff_client(organization: Organization, *, staff: bool = True) -> Client:
    user = make_member(organization, "viewer", f"staff@{organization.slug}.test")
    User.objects.filter(id=user.id).update(is_staff=staff, is_superuser=staff)
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
    form = {"name": "Renamed", "zone": "UTC", "currency": "EUR", "redaction": "drop", "retention_days": 14}

    assert client.post(address, form).status_code == 302

    organization.refresh_from_db()
    assert (organization.name, organization.redaction, organization.retention_days) == ("Renamed", "drop", 14)
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
