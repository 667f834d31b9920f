"""An organization with very many conversations: a few thousand are captured and analyzed by the product itself, SQL
copies them over thirteen weeks, and what lists and pages show beside them grows in proportion.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from psycopg import sql

from flywheel.bench.copying import Owner, copy_rows, stride_of
from flywheel.bench.growing import multiply, multiply_lines
from flywheel.bench.world import keep_books, make_world

SLUG = "bench"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
WEEKS = 13
_WEEK_BEGAN = datetime(2026, 11, 16, tzinfo=UTC)
_SEEDS = 5_000
_PUSH = 500
# Every fifth conversation is the second application's.
_APPLICATIONS = ("support", "support", "support", "support", "sales")

# What a copy of a row has of its own, as SQL over the row ``s`` and the number ``k`` of the copy, from 1.
_MOVED = "make_interval(days => -7 * mod(k, %(weeks)s)::int)"
_ID = "s.id + k * %(stride)s"
_CONVERSATION = "s.conversation_id + k * %(stride)s"
_USER = "CASE WHEN s.{0} = '' THEN '' ELSE md5(s.{0} || k / 4) END"
_COPIES: dict[str, dict[str, str]] = {
    "ingestion_batch": {
        "id": _ID, "public_id": "left('b_' || md5(s.public_id || k), 16)", "received_at": f"s.received_at + {_MOVED}",
        "body_digest": "sha256(s.body_digest || int8send(k))", "stored_at": f"s.stored_at + {_MOVED}",
    },
    "ingestion_rejectedline": {"id": _ID, "batch_id": "s.batch_id + k * %(stride)s"},
    "ingestion_conversation": {
        "id": _ID, "session_id": "s.session_id || '-' || k", "captured_on": f"(s.started_at + {_MOVED})::date",
        "started_at": f"s.started_at + {_MOVED}", "last_at": f"s.last_at + {_MOVED}",
        "touched_by": "s.touched_by + k * %(stride)s", "user_hash": _USER.format("user_hash"),
    },
    "ingestion_message": {
        "conversation_id": _CONVERSATION, "captured_on": f"(c.started_at + {_MOVED})::date",
        "digest": "decode(md5(encode(s.digest, 'hex') || k), 'hex')", "sent_at": f"s.sent_at + {_MOVED}",
    },
    "evaluations_assessment": {
        "id": _ID, "conversation_id": _CONVERSATION, "assessed_at": f"s.assessed_at + {_MOVED}",
        "settles_at": f"s.settles_at + {_MOVED}",
    },
    "evaluations_conversationfact": {
        "id": _ID, "conversation_id": _CONVERSATION, "session_id": "s.session_id || '-' || k",
        "captured_on": f"(s.started_at + {_MOVED})::date", "started_at": f"s.started_at + {_MOVED}",
        "day": "s.day - 7 * mod(k, %(weeks)s)::int", "unit_hash": _USER.format("unit_hash"),
    },
}  # fmt: skip

_OF_ALL = "JOIN copied p ON p.id = s.conversation_id AND p.place <= %(most)s"
_JOINED = {
    "ingestion_batch": "",
    "ingestion_rejectedline": "",
    "ingestion_conversation": "JOIN copied p ON p.id = s.id AND p.place <= %(most)s",
    "ingestion_message": f"{_OF_ALL} JOIN ingestion_conversation c ON c.id = s.conversation_id",
}


def populate(owner: Owner, n: int) -> None:
    """Make the organization with ``n`` conversations. Needs Django set up; ``owner`` owns the tables."""
    _make_partitions(owner)
    seeds = _capture_seeds(min(n, _SEEDS))
    from apps.organizations import services

    organization = services.ensure_organization(slug=SLUG, at=NOW)
    owner.execute("UPDATE organizations_organization SET retention_days = 400 WHERE id = %s", [organization.id])
    make_world(organization)
    _copy_conversations(owner, seeds, n)
    multiply(owner, organization, n)
    _roll_up(owner, organization.id)
    keep_books(organization, lambda: multiply_lines(owner, n))
    _learn(owner)


def _make_partitions(owner: Owner) -> None:
    """Make the partitions that were there when the days of the past were today."""
    for offset in range(7 * WEEKS + 8):
        day = NOW.date() + timedelta(days=1 - offset)
        owner.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF ingestion_message FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(f"ingestion_message_{day:%Y%m%d}"), sql.Literal(day), sql.Literal(_next(day))
            )
        )


def _next(day: date) -> date:
    return day + timedelta(days=1)


def _capture_seeds(n: int) -> int:
    """Push, store and analyze conversations of a simulated week; return how many there are."""
    import json

    from apps.demo.production import simulate_week
    from apps.evaluations.services import assessing
    from apps.ingestion.services.accepting import accept
    from apps.ingestion.services.storing import store_batch
    from apps.organizations import services

    organization = services.ensure_organization(slug=SLUG, at=NOW, name="Bench", sandbox=True)
    # Whenever it is measured, the last days are those that hold conversations.
    organization = services.move_clock(organization_id=organization.id, to=NOW, actor=SLUG, at=NOW)
    applications = [
        services.ensure_application(organization_id=organization.id, slug=slug, at=NOW)
        for slug in dict.fromkeys(_APPLICATIONS)
    ]
    by_slug = {application.slug: application for application in applications}
    pushes: dict[str, list[list[Any]]] = {slug: [[]] for slug in by_slug}
    for number, conversation in enumerate(simulate_week(seed=7, conversations=n, start=_WEEK_BEGAN)):
        parts = pushes[_APPLICATIONS[number % len(_APPLICATIONS)]]
        if len(parts[-1]) == _PUSH:
            parts.append([])
        parts[-1].append(conversation)
    for slug, parts in pushes.items():
        for part in parts:
            lines = [json.dumps(record) for each in part for record in each.records]
            # As it is in the world: now and then a line cannot be read.
            body = "\n".join([*lines, '{"session_id": 7'] if lines else lines).encode()
            if not body:
                continue
            taken = accept(body, organization=organization, application_id=by_slug[slug].id, at=NOW)
            store_batch(organization_id=organization.id, batch_id=str(taken.batch_id))
            assessing.assess_batch(organization_id=organization.id, batch_id=str(taken.batch_id))
    return n


def _copy_conversations(owner: Owner, seeds: int, n: int) -> None:
    """Copy the seeds until there are ``n``, the last copy in part."""
    if n <= seeds:
        return
    stride = stride_of(owner, (table for table in _COPIES if table != "ingestion_message"))
    # A GIN index is built in a fraction of the time that it takes to grow.
    (definition,) = owner.execute("SELECT pg_get_indexdef('messages_by_word'::regclass)").fetchone() or ("",)
    owner.execute("DROP INDEX messages_by_word")
    owner.execute(
        "CREATE TEMPORARY TABLE copied AS SELECT id, row_number() OVER (ORDER BY id) AS place"
        " FROM ingestion_conversation"
    )
    whole, rest = divmod(n - seeds, seeds)
    for first, times, most in ((1, whole, seeds), (whole + 1, 1, rest)):
        for table, changes in _COPIES.items():
            copy_rows(
                owner, table, changes, times=times, stride=stride, first=first, joined=_JOINED.get(table, _OF_ALL),
                most=most, weeks=WEEKS,
            )  # fmt: skip
    owner.execute("DROP TABLE copied")
    owner.execute("SET maintenance_work_mem = '512MB'")
    owner.execute(definition.replace(" ON ONLY ", " ON "))


def _roll_up(owner: Owner, organization_id: int) -> None:
    """Tally every day from its facts, as the product does."""
    from apps.evaluations.services import rollups

    days = owner.execute(
        "SELECT DISTINCT application_id, day FROM evaluations_conversationfact WHERE organization_id = %s",
        [organization_id],
    ).fetchall()
    for application_id, day in days:
        rollups.roll_up(organization_id=organization_id, application_id=application_id, day=day)
    # What workers would have done is done.
    owner.execute("DELETE FROM platform_workitem WHERE organization_id = %s", [organization_id])


def _learn(owner: Owner) -> None:
    """Leave the tables as autovacuum would: it knows partitions, and never looks at a parent as a whole."""
    tables = owner.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1"
    ).fetchall()
    for (name,) in tables:
        owner.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.SQL(name)))
