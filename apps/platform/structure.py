"""A new database begins with the structure that the migrations up to some day made; later ones run on it as ever.

Replaying every migration makes Django build all models anew for each of its steps: fifteen seconds of the first start.
`structure.sql` is what pg_dump says afterwards, and the names of the migrations it stands for. It may lag behind: what
it does not name is migrated. `make structure` writes it, and a test compares both ways.
"""

from __future__ import annotations

from pathlib import Path

from django.db import connections

PATH = Path(__file__).with_name("structure.sql")
_HAS_TABLES = """
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm'))
"""


def begin_with_structure() -> bool:
    """Make all tables at once where the owner's database has none; return whether it was done. All or nothing."""
    connection = connections["owner"]
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute(_HAS_TABLES)
        if cursor.fetchone()[0]:
            return False
    # Many statements in one simple query are one transaction; without parameters, % and {} mean themselves.
    connection.connection.execute(PATH.read_bytes())
    connection.close()  # its settings belong to pg_dump
    return True


def structure_of(dump: str, migrations: list[tuple[str, str]]) -> str:
    """Return what to write: pg_dump's plain text without psql's own commands, then the names of ``migrations``."""
    statements = "\n".join(
        line
        for line in dump.splitlines()
        if line and not line.startswith(("\\", "--", "CREATE SCHEMA public", "SET transaction_timeout"))
    )
    names = ",\n".join(f"('{app}', '{name}', now())" for app, name in migrations)
    return (
        "-- Written by `make structure`: what all migrations below make of an empty database.\n"
        f"{statements}\nINSERT INTO public.django_migrations (app, name, applied) VALUES\n{names};\n"
    )
