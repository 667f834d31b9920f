"""An organization erased: closed at once, every row gone, no other touched, and erased again in a restored backup."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from apps.cycles.services import erasing_organizations
from apps.cycles.services.erasing_organizations import (
    ask_organization_erasure,
    erase_organization,
    erase_organizations_again,
    list_organization_erasures,
)
from apps.organizations.models import ApiKey, Membership, Organization, OrganizationErasure
from apps.organizations.selectors import find_principal, fingerprint_of
from apps.platform import clock
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from tests.architecture.test_portal_access import House, client_of, make_house
from tests.cycles.test_erasing_everywhere import organization as everywhere  # noqa: F401  # a fixture
from tests.factories import make_key, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> House:
    return make_house("ours")


@pytest.fixture
def theirs() -> House:
    return make_house("theirs")


def rows_of(organization: Organization) -> dict[str, int]:
    """Return how many rows each table has of an organization, by any column that points at one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attname ="
            " 'organization_id' AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND"
            " c.relnamespace = 'public'::regnamespace"
        )
        tables = cursor.fetchall()
    found = {}
    with tenant(organization.id), connection.cursor() as cursor:
        for table, column in tables:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [organization.id])
            found[table] = cursor.fetchone()[0]
    return {table: count for table, count in found.items() if count}


def test_every_row_goes_and_no_other_organization_loses_one(
    ours: House,
    theirs: House,
    everywhere: Organization,  # noqa: F811
) -> None:
    before = rows_of(theirs.organization)
    assert len(rows_of(everywhere)) > 25

    for organization in (everywhere, ours.organization):
        ask_organization_erasure(organization=organization, actor="owner@ours.test")
        assert erase_organization(organization_id=organization.id)

        assert rows_of(organization) == {}
        assert not Organization.objects.filter(id=organization.id).exists()
    assert rows_of(theirs.organization) == before


def test_the_record_of_it_names_no_data(ours: House) -> None:
    organization = ours.organization
    fingerprint = fingerprint_of(organization)

    ask_organization_erasure(organization=organization, actor="owner@ours.test")
    erase_organization(organization_id=organization.id)

    record = OrganizationErasure.objects.get()
    assert (record.fingerprint, record.asked_by) == (fingerprint, "owner@ours.test")
    assert record.finished_at is not None
    assert record.counts["ingestion_conversation"] == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT e::text FROM organizations_organizationerasure e")
        assert organization.slug not in cursor.fetchone()[0].replace("owner@ours.test", "")


def test_asked_for_it_is_closed_at_once(ours: House) -> None:
    secret = make_key(ours.organization, "read")
    assert find_principal(secret, clock.wall()) is not None

    ask_organization_erasure(organization=ours.organization, actor="test")

    assert find_principal(secret, clock.wall()) is None
    assert not Membership.objects.filter(organization=ours.organization).exists()
    waiting = WorkItem.objects.filter(organization=ours.organization).values_list("kind", flat=True)
    assert list(waiting) == ["cycles.erase_organization"]


def test_it_is_done_in_pieces_and_goes_on_where_it_stood(ours: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing_organizations, "_AT_ONCE", 1)
    ask_organization_erasure(organization=ours.organization, actor="test")
    before = sum(rows_of(ours.organization).values())

    assert not erase_organization(organization_id=ours.organization.id, seconds=0)
    after_one = sum(rows_of(ours.organization).values())
    ask_organization_erasure(organization=ours.organization, actor="somebody else")
    assert erase_organization(organization_id=ours.organization.id)

    assert before - after_one == 1
    assert rows_of(ours.organization) == {}
    assert OrganizationErasure.objects.get().asked_by == "test"
    assert erase_organization(organization_id=ours.organization.id)


def test_a_restored_backup_is_erased_again_and_a_later_namesake_is_not(ours: House) -> None:
    mark = fingerprint_of(ours.organization)
    ask_organization_erasure(organization=ours.organization, actor="owner@ours.test")
    erase_organization(organization_id=ours.organization.id)
    told = list_organization_erasures()
    namesake = make_organization("ours")

    assert [each["erased_organization"] for each in told] == [mark]
    assert erase_organizations_again(told) == 0
    assert Organization.objects.filter(id=namesake.id).exists()

    restored = make_house("restored").organization  # as a backup would bring it back: the same in all that marks it
    again = [told[0] | {"erased_organization": fingerprint_of(restored)}]
    assert erase_organizations_again(again) == 1
    assert rows_of(restored) == {}


def erase_page(house: House, role: str, **form: Any) -> Any:
    return client_of(house, role).post(reverse("erase_organization"), form, follow=True)


def test_an_owner_erases_it_from_its_page_by_typing_its_address(ours: House) -> None:
    refused = erase_page(ours, "owner", confirm="anything")
    assert "type ours to confirm" in refused.text
    assert ApiKey.objects.filter(organization=ours.organization, revoked_at=None).exists()


def test_an_administrator_does_not_erase_it(ours: House) -> None:
    assert erase_page(ours, "admin", confirm="ours").status_code == 403
    assert "Erase this organization" not in client_of(ours, "analyst").get(reverse("organization")).text


def test_who_erased_it_is_led_to_the_choice_of_organizations(ours: House) -> None:
    page = erase_page(ours, "owner", confirm="ours")

    assert page.redirect_chain[-1][0] == reverse("organizations")
    assert "is closed and being erased" in page.text
    assert not ApiKey.objects.filter(organization=ours.organization, revoked_at=None).exists()
