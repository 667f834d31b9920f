"""An organization that asks for a second factor: who has none is led to it and sees nothing else."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.organizations import services
from apps.organizations.models import AuditEvent, Organization
from apps.platform import clock
from tests.architecture.test_portal_access import DOORS, House, address, make_house
from tests.factories import make_organization, make_person
from tests.portal.world import make_member

pytestmark = pytest.mark.django_db


def member(organization: Organization, role: str, *, factor: str | None) -> Client:
    user = make_member(organization, role, f"{role}-{factor}@{organization.slug}.test")
    if factor:
        Authenticator.objects.create(user=user, type=factor, data={})
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def set_up(client: Client, **form: str) -> int:
    return client.post(reverse("organization"), form).status_code


def test_who_has_none_sees_nothing_of_it_on_any_address() -> None:
    house: House = make_house("ours")
    Organization.objects.filter(id=house.organization.id).update(require_mfa=True)
    clients = [member(house.organization, "owner", factor=factor) for factor in (None, "recovery_codes")]

    opened = {
        (name, method, answer.status_code)
        for client in clients
        for name, door in DOORS.items()
        for method, answer in (
            ("GET", client.get(address(name, house))),
            ("POST", client.post(address(name, house), door.form)),
        )
        if answer.status_code != 405 and answer.headers.get("Location") != reverse("mfa_index")
    }

    assert opened == set()
    page = clients[0].get("/", follow=True)
    assert page.status_code == 200
    assert "Ours asks for two-factor sign-in" in page.text
    part = clients[0].get("/listening/", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Redirect"]) == (204, reverse("mfa_index"))


@pytest.mark.parametrize("factor", ["totp", "webauthn"])
def test_who_has_one_goes_on_as_before(factor: str) -> None:
    organization = make_organization("shop", require_mfa=True)

    assert member(organization, "viewer", factor=factor).get("/conversations/").status_code == 200


def test_it_holds_on_the_next_request_and_for_this_organization_alone() -> None:
    organization = make_organization("shop")
    viewer = member(organization, "viewer", factor=None)
    assert viewer.get("/conversations/").status_code == 200

    assert set_up(member(organization, "admin", factor="totp"), require_mfa="on") == 302

    assert viewer.get("/conversations/").status_code == 302
    assert member(make_organization("other"), "viewer", factor=None).get("/conversations/").status_code == 200
    row = AuditEvent.objects.get(action="organization.require_mfa")
    assert (row.actor, row.detail["asked"]) == ("admin-totp@shop.test", True)


def test_nobody_locks_themselves_out() -> None:
    organization = make_organization("shop")
    owner = member(organization, "owner", factor=None)

    answer = owner.post(reverse("organization"), {"require_mfa": "on"})

    assert answer.status_code == 422
    assert "Set up your own second factor first" in answer.text
    organization.refresh_from_db()
    assert not organization.require_mfa
    assert owner.get("/conversations/").status_code == 200


def test_the_team_says_who_still_lacks_it() -> None:
    organization = make_organization("shop", require_mfa=True)
    member(organization, "viewer", factor=None)

    page = member(organization, "admin", factor="totp").get(reverse("team")).text

    assert page.count("no second factor yet") == 1


def test_an_invitation_that_was_opened_confirms_its_address_so_that_a_factor_can_be_set_up() -> None:
    organization = make_organization("shop")
    user: User = make_person("guest@shop.test")
    EmailAddress.objects.filter(user=user).update(verified=False)
    invited = services.invite(
        organization=organization, email="guest@shop.test", role="viewer", team="product", at=clock.wall(),
        actor="test", actor_role="owner",
    )  # fmt: skip

    services.accept_invitation(invitation=invited.row, user=user, at=clock.wall())

    assert EmailAddress.objects.get(user=user).verified


def test_a_seed_is_encrypted_where_it_is_stored_and_one_stored_before_still_works() -> None:
    user = make_person("sealed@shop.test")
    secret = totp.generate_totp_secret()

    row = totp.TOTP.activate(user, secret).instance
    earlier = Authenticator(user=user, type=Authenticator.Type.TOTP, data={"secret": secret})

    assert secret not in json.dumps(Authenticator.objects.get(pk=row.pk).data)
    _, current, _ = totp.yield_hotp_counters_from_time()
    code = totp.format_hotp_value(totp.hotp_value(secret, current))
    assert totp.TOTP(Authenticator.objects.get(pk=row.pk)).validate_code(code)
    assert decrypt(earlier.data["secret"]) == secret


def test_a_code_counts_half_a_minute_beyond_its_own_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    factor = totp.TOTP.activate(make_person("slow@shop.test"), secret := totp.generate_totp_secret())
    monkeypatch.setattr(totp, "time", SimpleNamespace(time=lambda: 3_000_000_015))
    half_minute = 3_000_000_015 // 30

    counts = [
        factor.validate_code(totp.format_hotp_value(totp.hotp_value(secret, half_minute + offset)))
        for offset in (-2, -1, 0, 1, 2)
    ]

    assert counts == [False, True, True, True, False]
