"""Rows copied by SQL, often: each copy with the ids, names and times of its own that it must have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

Owner = psycopg.Connection[Any]


def copy_rows(
    owner: Owner, table: str, changes: Mapping[str, str], *, times: int, stride: int, first: int = 1, joined: str = "",
    **parameters: Any,
) -> None:  # fmt: skip
    """Copy a table's rows ``times`` times.

    ``changes`` says columns of a copy as SQL over the row ``s`` and the copy's number ``k``, from ``first``; ``joined``
    is added to FROM. Whoever calls chose ``stride`` by ``stride_of`` before the first copy.
    """
    columns = _columns(owner, table)
    chosen = ", ".join(changes.get(column, f's."{column}"') for column in columns)
    own = "id" if "id" in columns else "conversation_id"
    owner.execute(
        f"""
        INSERT INTO {table} ({", ".join(f'"{column}"' for column in columns)})
        SELECT {chosen} FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS k, {table} s {joined}
        WHERE s.{own} < %(stride)s
        """,  # noqa: S608
        {"first": first, "last": first + times - 1, "stride": stride, **parameters},
    )
    if own == "id":
        owner.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"  # noqa: S608
        )


def stride_of(owner: Owner, tables: Iterable[str]) -> int:
    """Return a number above every id in these tables: a copy's ids are those of its row and so many strides."""
    highest = [
        owner.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()  # noqa: S608
        for table in tables
    ]
    return 1 + max(int(row[0]) for row in highest if row is not None)


def _columns(owner: Owner, table: str) -> list[str]:
    rows = owner.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public'"
        " AND is_generated = 'NEVER' ORDER BY ordinal_position",
        [table],
    )
    return [name for (name,) in rows.fetchall()]
