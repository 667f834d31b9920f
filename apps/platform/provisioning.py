"""What the run role may do: its privileges are granted on parents only, after every migration.

The owner's tables start closed to everybody else. Partitions get nothing: row security of the parent guards what is
read through the parent, and there must be no other way in.
"""

from __future__ import annotations

from django.conf import settings
from django.db import connections
from psycopg import sql

_TABLES = """
SELECT c.relname, c.relispartition, c.relrowsecurity FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
"""

# Our own functions that run as the owner; each filters by the current organization itself.
_FUNCTIONS = "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.proname LIKE 'flywheel\\_%'"


def grant_privileges(run_role: str) -> None:
    """Grant the run role what web and workers need; with one role for everything, force row security instead.

    Repeatable. Runs on the `owner` connection.
    """
    with connections["owner"].cursor() as cursor:
        cursor.execute(_TABLES)
        tables = cursor.fetchall()
        if settings.ONE_DATABASE_ROLE:
            for name, is_partition, is_protected in tables:
                if is_protected and not is_partition:
                    cursor.execute(_say("ALTER TABLE {} FORCE ROW LEVEL SECURITY", name))
            return
        cursor.execute(_say("GRANT USAGE ON SCHEMA public TO {}", run_role))
        cursor.execute(_say("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}", run_role))
        for name, is_partition, _ in tables:
            if is_partition or name == "django_migrations":
                cursor.execute(_say("REVOKE ALL ON {} FROM {}", name, run_role))
            else:
                cursor.execute(_say("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}", name, run_role))
        cursor.execute(_say("GRANT SELECT ON django_migrations TO {}", run_role))
        cursor.execute(_FUNCTIONS)
        for (signature,) in cursor.fetchall():
            # Everybody may execute a new function, until told otherwise.
            cursor.execute(sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC").format(sql.SQL(signature)))
            cursor.execute(
                sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(signature), sql.Identifier(run_role))
            )


def _say(statement: str, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*(sql.Identifier(name) for name in names))
