"""Every table is protected or listed with a reason; every child is tied to its parent's organization."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models

from apps.platform.tenancy import TenantManager, TenantModel

pytestmark = pytest.mark.django_db

OUTSIDE_ROW_SECURITY = {
    "organizations_invitation": "opened by its token before one is in the organization",
    "organizations_organization": "the tenant itself",
    "organizations_membership": "who may enter which organization is asked before entering",
    "organizations_apikey": "a key is looked up to learn the organization",
    "organizations_auditevent": "written by actions outside any organization too",
    "organizations_organizationerasure": "the platform's record of organizations that are gone; names no data",
    "cycles_schedule": "the tick looks for every organization's slots; times and ids only",
    "reports_reportschedule": "the tick looks for every organization's reports; times and ids only",
    "reports_financepermission": "what a member may is asked before entering, as the membership is",
    "usersessions_usersession": "where a person is signed in, whatever organizations they belong to",
    "platform_workitem": "workers look for everybody's work; ids and leases only",
}
_FRAMEWORK = ("auth_", "account_", "socialaccount_", "mfa_", "django_")


def tables() -> dict[str, tuple[bool, bool]]:
    """Return (row security, is a partition) by table name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relrowsecurity, relispartition FROM pg_class "
            "WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
        return {name: (protected, partition) for name, protected, partition in cursor.fetchall()}


def ours() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("apps.")]


def test_every_table_is_under_row_security_or_listed_with_a_reason() -> None:
    unprotected = {
        name
        for name, (protected, partition) in tables().items()
        if not protected and not partition and not name.startswith(_FRAMEWORK)
    }

    assert unprotected == set(OUTSIDE_ROW_SECURITY), "protect the table in its migration, or list it with a reason"


def test_every_row_security_policy_is_keyed_on_the_current_organization() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename, qual, with_check FROM pg_policies WHERE schemaname = 'public'")
        policies = {table: (qual, check) for table, qual, check in cursor.fetchall()}
    protected = {name for name, (protected, _) in tables().items() if protected}

    assert set(policies) == protected
    assert all("flywheel.organization" in qual and qual == check for qual, check in policies.values())


def test_the_run_role_owns_nothing_and_cannot_bypass_row_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, False)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        assert cursor.fetchone() == (0,)


def test_the_run_role_may_not_touch_partitions_nor_truncate() -> None:
    partitions = [name for name, (_, partition) in tables().items() if partition]
    with connection.cursor() as cursor:
        for name in partitions:
            cursor.execute("SELECT has_table_privilege(%s, 'SELECT, INSERT, UPDATE, DELETE')", [name])
            assert cursor.fetchone() == (False,), name
        for name in tables():
            cursor.execute("SELECT has_table_privilege(%s, 'TRUNCATE')", [name])
            assert cursor.fetchone() == (False,), name
    assert partitions


def test_every_tenant_model_has_the_fail_closed_manager() -> None:
    tenants = [model for model in ours() if issubclass(model, TenantModel)]

    assert tenants
    assert all(isinstance(model._default_manager, TenantManager) for model in tenants)


def test_every_child_is_tied_to_a_parent_of_the_same_organization() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f' AND conparentid = 0"
        )
        ties = {(table, name) for table, name in cursor.fetchall()}
    missing = [
        f"{model._meta.db_table}.{field.column}"
        for model in ours()
        for field in model._meta.local_fields
        if isinstance(field, models.ForeignKey)
        and isinstance(field.related_model, type)
        and issubclass(field.related_model, TenantModel)
        and (
            model._meta.db_table,
            f"{model._meta.db_table}_{field.column}_is_of_the_same_organization"[:63],
        )
        not in ties
    ]

    assert missing == []


def test_web_and_workers_do_not_connect_as_owner() -> None:
    assert settings.DATABASES["default"]["USER"] != settings.DATABASES["owner"]["USER"]
