"""Migration operations that make PostgreSQL itself keep organizations apart."""

from __future__ import annotations

from django.db import migrations

_VISIBLE = "organization_id = NULLIF(current_setting('flywheel.organization', true), '')::bigint"


def protect(table: str) -> migrations.RunSQL:
    """Enable row security on a tenant table: without an organization it shows, and takes, nothing."""
    return migrations.RunSQL(
        sql=[
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY one_organization ON {table} USING ({_VISIBLE}) WITH CHECK ({_VISIBLE})",
        ],
        reverse_sql=[
            f"DROP POLICY one_organization ON {table}",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ],
    )


def tie(child: str, column: str, parent: str) -> migrations.RunSQL:
    """Make a child's parent belong to the child's organization.

    PostgreSQL checks ordinary foreign keys behind row security's back, so a guessed id of another organization would
    pass; the composite key does not let it.
    """
    name = f"{child}_{column}_is_of_the_same_organization"[:63]
    return migrations.RunSQL(
        sql=[
            f"CREATE UNIQUE INDEX IF NOT EXISTS {parent}_of_organization ON {parent} (organization_id, id)",
            f"ALTER TABLE {child} ADD CONSTRAINT {name} FOREIGN KEY (organization_id, {column}) "
            f"REFERENCES {parent} (organization_id, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
        ],
        reverse_sql=[f"ALTER TABLE {child} DROP CONSTRAINT {name}"],
    )


def freeze(table: str) -> migrations.RunSQL:
    """Make a table's rows unchangeable once written; they may still be deleted with their organization."""
    return migrations.RunSQL(
        sql=[
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'rows of % never change', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$",
            f"CREATE TRIGGER rows_never_change BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        ],
        reverse_sql=[f"DROP TRIGGER rows_never_change ON {table}"],
    )
