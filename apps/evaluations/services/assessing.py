"""From stored conversations to assessments and facts: read in bulk, analyze, write in bulk.

A shard is a few hundred conversations in one transaction. The versions decide what may be overwritten, so a shard that
runs twice, late, or beside another changes nothing that is newer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from apps.evaluations.analyzers import SECTIONS, VERSIONS, Suite, suite
from apps.evaluations.domain.facts import Fact, make_fact
from apps.evaluations.domain.security.analyzer import is_unexplained
from apps.evaluations.domain.values import ConversationResult
from apps.evaluations.models import Assessment, ConversationFact
from apps.evaluations.reading import read_values
from apps.evaluations.selectors.taught import read_taught
from apps.ingestion import models as captured
from apps.ingestion.selectors import unassessed_of_application, unassessed_of_batch
from apps.ingestion.services.storing import mark_analyzed
from apps.organizations.models import Application, Organization
from apps.platform import clock, work
from apps.platform.tenancy import tenant

log = structlog.get_logger(__name__)

SHARD = 400
ROLLUP_DELAY = timedelta(seconds=1)
# Suspicious messages come in flocks: they are looked at together.
PATTERN_DELAY = timedelta(seconds=20)
# What happened longer ago is history: its cycle tells of it.
FRESH = timedelta(days=1)
LIVE_DELAY = timedelta(seconds=3)
# Topics are given to many at a time, when the push is over.
TOPICS_DELAY = timedelta(seconds=30)

# Kept by the connection, emptied by every commit, and by hand for the second half of a shard that failed.
_TEMPORARY = """
CREATE TEMPORARY TABLE IF NOT EXISTS assessed (
    conversation_id bigint, analyzer text, analyzer_version text, content_version integer, result jsonb,
    settles_at timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS fact_made (
    conversation_id bigint, content_version integer, captured_on date, session_id text, started_at timestamptz,
    day date, agent text, channel text, variant text, prompt_version text, model text, environment text, tags text[],
    unit_hash text, risk_score float8, attacks smallint, attacks_blocked smallint,
    attacks_succeeded smallint, attacks_unclear smallint, findings text[], quality_score float8, patterns text[],
    escalated boolean, resolution text, upsell text, churn text, enterprise_lead boolean, value numeric, fact jsonb,
    analyzers bigint
) ON COMMIT DELETE ROWS;
DELETE FROM assessed;
DELETE FROM fact_made
"""
_WRITE_ASSESSMENTS = """
WITH written AS (
INSERT INTO evaluations_assessment AS a
    (organization_id, conversation_id, analyzer, analyzer_version, content_version, result, assessed_at, settles_at)
SELECT %(organization)s, conversation_id, analyzer, analyzer_version, content_version, result, %(at)s, settles_at
FROM assessed ORDER BY conversation_id, analyzer
ON CONFLICT (organization_id, conversation_id, analyzer) DO UPDATE SET
    analyzer_version = excluded.analyzer_version, content_version = excluded.content_version,
    result = excluded.result, assessed_at = excluded.assessed_at, settles_at = excluded.settles_at
WHERE (excluded.content_version, string_to_array(excluded.analyzer_version, '.')::integer[])
    >= (a.content_version, string_to_array(a.analyzer_version, '.')::integer[])
RETURNING conversation_id
)
SELECT conversation_id FROM written GROUP BY 1 HAVING count(*) = %(analyzers)s
"""
# Another shard knew more: its fact stands, as its assessments do.
_FORGET_OUTDATED = "DELETE FROM fact_made WHERE conversation_id <> ALL(%s)"
_FACT_COLUMNS = (
    "captured_on, session_id, started_at, day, agent, channel, variant, prompt_version, model, environment, tags, "
    "unit_hash, risk_score, attacks, attacks_blocked, attacks_succeeded, attacks_unclear, findings, "
    "quality_score, "
    "patterns, escalated, resolution, upsell, churn, enterprise_lead, value, fact, analyzers"
)
_WRITE_FACTS = f"""
INSERT INTO evaluations_conversationfact (organization_id, application_id, conversation_id, {_FACT_COLUMNS})
SELECT %(organization)s, %(application)s, conversation_id, {_FACT_COLUMNS} FROM fact_made ORDER BY conversation_id
ON CONFLICT (organization_id, conversation_id) DO UPDATE SET
    ({_FACT_COLUMNS}) = ROW({", ".join("excluded." + name.strip() for name in _FACT_COLUMNS.split(","))})
"""  # noqa: S608
# Assignments only ever join a conversation; the logs never take one back.
_WRITE_ASSIGNMENTS = """
INSERT INTO evaluations_factassignment (organization_id, assignment_id, conversation_id)
SELECT DISTINCT %(organization)s::bigint, assignment, c.id
FROM ingestion_conversation c JOIN fact_made f ON f.conversation_id = c.id, unnest(c.assignments) assignment
WHERE c.organization_id = %(organization)s
ON CONFLICT DO NOTHING
"""
_MARK = """
UPDATE ingestion_conversation c SET assessed_version = f.content_version
FROM fact_made f
WHERE c.organization_id = %(organization)s AND c.id = f.conversation_id AND c.assessed_version <= f.content_version
"""


def assess_batch(*, organization_id: int, batch_id: str, gives_way: bool = False) -> None:
    """Assess everything a batch brought, shard by shard, then say the batch is analyzed.

    With ``gives_way`` it stops between two shards while pushes wait to be stored, and asks to go on after them.
    """
    if not _assess_all(organization_id, lambda: unassessed_of_batch(batch_id, SHARD), gives_way=gives_way):
        work.ask("evaluations.assess_batch", organization_id=organization_id, key=batch_id)
        return
    with tenant(organization_id):
        mark_analyzed(batch_id=batch_id)


def assess_stale(*, organization_id: int, application_id: int, gives_way: bool = False) -> None:
    """Assess every conversation of an application that has changed since it was last looked at."""
    if not _assess_all(organization_id, lambda: unassessed_of_application(application_id, SHARD), gives_way=gives_way):
        work.ask("evaluations.assess_stale", organization_id=organization_id, key=str(application_id))


def settle(*, organization_id: int, application_id: int) -> None:
    """Assess again what time has settled, then say when to look next."""
    organization = Organization.objects.get(id=organization_id)
    while True:
        with tenant(organization_id):
            at = clock.now(organization)
            shard = _due(application_id, at)
            if not shard:
                _ask_to_settle(organization_id, application_id, at)
                return
            assess_each(shard, organization=organization, at=at)


def _due(application_id: int, at: datetime) -> list[captured.Conversation]:
    waiting = Assessment.objects.filter(conversation__application_id=application_id, settles_at__lte=at)
    ids = waiting.order_by("settles_at").values_list("conversation_id", flat=True)[: len(VERSIONS) * SHARD]
    return list(captured.Conversation.objects.filter(id__in=set(ids)).order_by("id")[:SHARD])


def _ask_to_settle(organization_id: int, application_id: int, at: datetime) -> None:
    waiting = Assessment.objects.filter(conversation__application_id=application_id, settles_at__gt=at)
    first = waiting.order_by("settles_at").values_list("settles_at", flat=True).first()
    if first is not None:
        work.ask("evaluations.settle", organization_id=organization_id, key=str(application_id), delay=first - at)


def _assess_all(
    organization_id: int, next_shard: Callable[[], list[captured.Conversation]], *, gives_way: bool
) -> bool:
    """Assess shard by shard; return whether all is done, and it is unless it gave way to storing."""
    organization = Organization.objects.get(id=organization_id)
    is_first = True
    while True:
        with tenant(organization_id):
            shard = next_shard()
            if not shard:
                return True
            if gives_way and not is_first and work.is_waiting("ingestion.store_batch"):
                return False
            assess_each(shard, organization=organization, at=clock.now(organization))
            is_first = False


def assess_one(*, organization_id: int, conversation_id: int) -> None:
    """Assess one conversation that failed before. Raises what it fails with."""
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        rows = list(captured.Conversation.objects.filter(id=conversation_id))
        if rows:
            assess(rows, organization=organization, at=clock.now(organization))


def assess_each(rows: Sequence[captured.Conversation], *, organization: Organization, at: datetime) -> int:
    """Assess these conversations; return how many failed. Call inside tenant(...).

    When a shard fails it is halved until the poison conversation stands alone; that one is parked with its reason,
    for a person to have it tried again, and holds up nobody.
    """
    try:
        with transaction.atomic():
            assess(rows, organization=organization, at=at)
    except (OperationalError, InterfaceError):
        raise  # the database, not a conversation
    except Exception as error:
        if len(rows) > 1:
            half = len(rows) // 2
            return sum(assess_each(part, organization=organization, at=at) for part in (rows[:half], rows[half:]))
        row = rows[0]
        log.exception("conversation.not_assessed", conversation=row.id)
        captured.Conversation.objects.filter(id=row.id).update(assessed_version=row.content_version)
        work.park(
            "evaluations.assess_one",
            organization_id=organization.id,
            key=str(row.id),
            # The message of an exception may quote a conversation; its type and place do not.
            reason=f"{type(error).__name__} while analyzing {row.session_id[:60]}",
        )
        return 1
    return 0


def assess(rows: Sequence[captured.Conversation], *, organization: Organization, at: datetime) -> None:
    """Assess these conversations of one application and store what was found. Call inside tenant(...)."""
    application = Application.objects.get(id=rows[0].application_id)
    analyzers = suite(application.profile, read_taught())
    results = analyze_all(rows, analyzers, at=at)
    # A message from before the first moves a conversation to an earlier day; the day it leaves is tallied again too.
    facts = ConversationFact.objects.filter(conversation_id__in=[row.id for row in rows])
    days = {*facts.values_list("day", flat=True).distinct(), *(fact.day for _, fact in results)}
    _store(rows, results, analyzers, application_id=application.id, organization_id=organization.id, at=at)
    for day in sorted(days):
        work.ask(
            "evaluations.roll_up",
            organization_id=organization.id,
            key=f"{application.id}:{day.isoformat()}",
            delay=ROLLUP_DELAY,
        )
    work.ask("evaluations.find_topics", organization_id=organization.id, key=str(application.id), delay=TOPICS_DELAY)
    if any(is_unexplained(result.security) for result, _ in results):
        work.ask(
            "evaluations.find_patterns", organization_id=organization.id, key=str(application.id), delay=PATTERN_DELAY
        )
    if any(
        fact.attacks_succeeded and row.started_at > at - FRESH for row, (_, fact) in zip(rows, results, strict=True)
    ):
        # Insights stand above analysis and know what cannot wait; they are asked by name.
        work.ask("insights.look_live", organization_id=organization.id, key=str(application.id), delay=LIVE_DELAY)
    settling = [moment for result, _ in results if (moment := _settles_at(result)) is not None]
    if settling:
        delay = max(timedelta(seconds=1), min(settling) - at)
        work.ask("evaluations.settle", organization_id=organization.id, key=str(application.id), delay=delay)


def outdated(
    rows: Sequence[captured.Conversation], *, application: Application, at: datetime
) -> list[captured.Conversation]:
    """Return those of an application's conversations of which analysis would say something else at ``at``.

    Their content is newer than what was said, time has settled something, or other analyzers said it: other versions,
    another profile of the application, other patterns or prompts taught. Call inside tenant(...).
    """
    ids = [row.id for row in rows]
    fingerprint = suite(application.profile, read_taught()).fingerprint
    said = ConversationFact.objects.filter(conversation_id__in=ids, analyzers=fingerprint)
    current = set(said.values_list("conversation_id", flat=True))
    settled = Assessment.objects.filter(conversation_id__in=ids, settles_at__lte=at)
    current.difference_update(settled.values_list("conversation_id", flat=True))
    return [row for row in rows if row.id not in current or row.assessed_version < row.content_version]


def analyze_all(
    rows: Sequence[captured.Conversation], analyzers: Suite, *, at: datetime
) -> list[tuple[ConversationResult, Fact]]:
    """Read and analyze conversations; one result and one fact each, in the order given."""
    analyzed = []
    for value in read_values(rows):
        result = analyzers.analyze(value, at=at)
        analyzed.append((result, make_fact(value, result)))
    return analyzed


def _settles_at(result: ConversationResult) -> datetime | None:
    moments = (result.quality.settles_at, result.business.settles_at)
    return min((moment for moment in moments if moment is not None), default=None)


def _store(
    rows: Sequence[captured.Conversation],
    results: Sequence[tuple[ConversationResult, Fact]],
    analyzers: Suite,
    *,
    application_id: int,
    organization_id: int,
    at: datetime,
) -> None:
    parameters: dict[str, Any] = {
        "organization": organization_id, "application": application_id, "at": at, "analyzers": len(VERSIONS),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_TEMPORARY)
        with cursor.copy("COPY assessed FROM STDIN") as copy:
            for row, (result, _) in zip(rows, results, strict=True):
                for analyzer, version in analyzers.versions.items():
                    part = getattr(result, SECTIONS[analyzer])
                    copy.write_row(
                        (row.id, analyzer, version, row.content_version, _json(part), getattr(part, "settles_at", None))
                    )
        with cursor.copy("COPY fact_made FROM STDIN") as copy:
            for row, (_, fact) in zip(rows, results, strict=True):
                copy.write_row((*_fact_row(row, fact), analyzers.fingerprint))
        # Their rows stay locked until this commits, so whoever knows more either came before or waits.
        cursor.execute(_WRITE_ASSESSMENTS, parameters)
        current = [conversation_id for (conversation_id,) in cursor.fetchall()]
        if len(current) < len(rows):
            cursor.execute(_FORGET_OUTDATED, [current])
        cursor.execute(_WRITE_FACTS, parameters)
        if any(row.assignments for row in rows):
            cursor.execute(_WRITE_ASSIGNMENTS, parameters)
        cursor.execute(_MARK, parameters)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _fact_row(row: captured.Conversation, fact: Fact) -> tuple[object, ...]:
    findings = sorted({*fact.attack_types, *fact.faults})
    return (
        row.id, row.content_version, row.captured_on, row.session_id, row.started_at, fact.day, row.agent, row.channel,
        row.variant, row.prompt_version, row.model, row.environment, row.tags, row.user_hash,
        fact.risk_score, fact.attacks, fact.attacks_blocked, fact.attacks_succeeded,
        fact.attacks_unclear, findings, fact.quality_score, list(fact.patterns), fact.escalation_done, fact.resolution,
        fact.upsell, fact.churn, fact.enterprise_lead, fact.value, _json(fact),
    )  # fmt: skip
