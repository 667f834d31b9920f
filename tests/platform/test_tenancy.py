from __future__ import annotations

import pytest
from django.db import connection
from django.db.utils import IntegrityError, ProgrammingError

from apps.organizations.models import ApiKey, Application
from apps.platform.tenancy import TenantRequired, tenant
from tests.factories import AT, make_application, make_organization

pytestmark = pytest.mark.django_db


def count_by_sql() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM organizations_application")
        return int(cursor.fetchone()[0])


def test_without_a_tenant_the_manager_refuses_and_the_database_shows_nothing() -> None:
    make_application(make_organization())

    with pytest.raises(TenantRequired):
        Application.objects.count()
    assert count_by_sql() == 0


def test_an_organization_sees_its_own_rows_only() -> None:
    mine, other = make_organization(), make_organization()
    make_application(mine, "mine")
    make_application(other, "other")

    with tenant(mine.id):
        assert [application.slug for application in Application.objects.all()] == ["mine"]
        assert count_by_sql() == 1


def test_a_nested_tenant_restores_the_outer_one() -> None:
    outer, inner = make_organization(), make_organization()
    make_application(outer)

    with tenant(outer.id):
        with tenant(inner.id):
            assert count_by_sql() == 0
        assert count_by_sql() == 1
    assert count_by_sql() == 0


def test_an_exception_rolls_back_and_restores_the_outer_tenant() -> None:
    outer, inner = make_organization(), make_organization()
    make_application(outer)

    with tenant(outer.id):
        with pytest.raises(RuntimeError, match="stop"), tenant(inner.id):
            make_application(inner)
            raise RuntimeError("stop")
        assert count_by_sql() == 1
    with tenant(inner.id):
        assert count_by_sql() == 0


def test_writing_another_organizations_row_is_refused_by_the_database() -> None:
    mine, other = make_organization(), make_organization()

    with pytest.raises(ProgrammingError, match="row-level security"), tenant(mine.id):
        Application.objects.create(organization_id=other.id, slug="stolen", created_at=AT)


def test_a_child_of_another_organizations_parent_is_refused() -> None:
    mine, other = make_organization(), make_organization()
    theirs = make_application(other)

    with pytest.raises(IntegrityError, match="same_organization"):
        ApiKey.objects.create(
            organization=mine, application_id=theirs.id, prefix="abcdefgh", sha256="0" * 64, scopes=["read"],
            created_at=AT,
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_owners_functions_are_executed_by_the_run_role_only() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE has_function_privilege('public', oid, 'EXECUTE')), "
            "count(*) FILTER (WHERE has_function_privilege(oid, 'EXECUTE')) FROM pg_proc WHERE proname LIKE 'flywheel%'"
        )
        known, by_everybody, by_us = cursor.fetchone()
    assert known == by_us > 0
    assert by_everybody == 0
