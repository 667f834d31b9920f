"""Backtests: asked for, done shard by shard on a worker, resumed after any death; and the look at what is in force."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from apps.evaluations.analyzers import SECURITY, VERSIONS
from apps.evaluations.domain.values import Message
from apps.evaluations.models import Assessment
from apps.ingestion.models import Conversation
from apps.ingestion.selectors import read_messages
from apps.library.domain.backtesting import Tally, read_tally, write_tally
from apps.library.domain.guarding import ActiveGuardrail, Guard
from apps.library.domain.guardrails import read_guardrail
from apps.library.models import Backtest, Guardrail
from apps.organizations.models import Application
from apps.organizations.services import record_audit
from apps.platform import clock, work
from apps.platform.identifiers import new_identifier
from apps.platform.tenancy import tenant

PERIOD = timedelta(days=30)
# The newest so many; a longer past says little more and would keep a worker from fresh traffic.
MOST_MESSAGES = 1_000_000
SHARD = 500
# A worker gives others a turn after this long.
_TURN_S = 5.0
LIVE = (Backtest.Status.QUEUED, Backtest.Status.RUNNING)


def ask_backtest(
    *,
    guardrail: Guardrail,
    application: Application,
    at: datetime,
    asked_by: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Backtest:
    """Ask for a backtest on the period's conversations (default: the last 30 days); it starts when this commits.

    What was tried on the same conversations, as analyzed now, is not tried again. Call inside tenant(...). Raises
    ValueError for a period that ends before it begins.
    """
    until = until or at
    since = since or until - PERIOD
    if since >= until:
        raise ValueError("`since` must lie before `until`")
    digest = _input_hash(guardrail, application, since, until)
    found, made = Backtest.objects.get_or_create(
        organization_id=guardrail.organization_id, guardrail=guardrail, application=application, input_hash=digest,
        defaults={
            "public_id": new_identifier("t"), "since": since, "until": until, "asked_by": asked_by, "created_at": at,
        },
    )  # fmt: skip
    if made:
        record_audit(
            organization_id=guardrail.organization_id, at=at, actor=asked_by, action="guardrail.backtest_asked",
            subject=str(guardrail), application=application.slug, backtest=found.public_id,
        )  # fmt: skip
        work.ask("library.backtest", organization_id=guardrail.organization_id, key=found.public_id)
    backtest: Backtest = found
    return backtest


def go_on(*, organization_id: int, backtest_id: str) -> None:
    """Do a turn of a backtest's work, and ask for the next."""
    began = time.monotonic()
    while time.monotonic() - began < _TURN_S:
        with tenant(organization_id):
            if not _step(backtest_id):
                return
    work.ask("library.backtest", organization_id=organization_id, key=backtest_id)


def fail(*, organization_id: int, backtest_id: str) -> None:
    """Say that a backtest will not be finished: whatever was to follow from it does not."""
    with tenant(organization_id):
        Backtest.objects.filter(public_id=backtest_id, status__in=LIVE).update(
            status=Backtest.Status.FAILED, finished_at=clock.wall()
        )


def look_at_period(guardrail: Guardrail, application_id: int, *, since: datetime, until: datetime, most: int) -> Tally:
    """Return what a guardrail does to the newest ``most`` conversations of a period. Call inside tenant(...)."""
    guard, tally = guard_of(guardrail), Tally()
    place: tuple[datetime, int] | None = None
    while tally.conversations < most:
        rows = _page(application_id, since, until, place, min(SHARD, most - tally.conversations))
        if not rows:
            break
        _add(tally, guard, rows)
        place = (rows[-1].started_at, rows[-1].id)
    return tally


def guard_of(guardrail: Guardrail) -> Guard:
    """Return a guard of this version alone."""
    content = read_guardrail(guardrail.content)
    return Guard([ActiveGuardrail(guardrail.name, guardrail.version, guardrail.content_hash, content)])


def _step(backtest_id: str) -> bool:
    """Do one shard; return whether there is more. The row is locked: two workers take turns."""
    backtest: Backtest | None = (
        Backtest.objects.select_for_update(of=("self",))
        .select_related("guardrail")
        .filter(public_id=backtest_id)
        .first()
    )
    if backtest is None or backtest.status not in LIVE:
        return False
    tally = read_tally(backtest.tally)
    place = (backtest.reached_at, backtest.reached_id) if backtest.reached_at is not None else None
    rows = _page(backtest.application_id, backtest.since, backtest.until, place, SHARD)
    if rows:
        _add(tally, guard_of(backtest.guardrail), rows)
        backtest.reached_at, backtest.reached_id = rows[-1].started_at, rows[-1].id
    ended = len(rows) < SHARD or tally.messages >= MOST_MESSAGES
    backtest.tally = write_tally(tally)
    backtest.status = Backtest.Status.FINISHED if ended else Backtest.Status.RUNNING
    backtest.finished_at = clock.wall() if ended else None
    backtest.save()
    return not ended


def _page(
    application_id: int, since: datetime, until: datetime, place: tuple[datetime, int] | None, size: int
) -> list[Conversation]:
    rows = Conversation.objects.filter(application_id=application_id, started_at__gte=since, started_at__lt=until)
    if place is not None:
        at, last = place
        # The first condition is what the index is entered with; the second tells apart those of one moment.
        rows = rows.filter(started_at__lte=at).filter(Q(started_at__lt=at) | Q(id__lt=last))
    return list(rows.order_by("-started_at", "-id")[:size])


def _add(tally: Tally, guard: Guard, rows: Sequence[Conversation]) -> None:
    incidents = dict(
        Assessment.objects.filter(analyzer=SECURITY, conversation__in=[row.id for row in rows]).values_list(
            "conversation_id", "result__incidents"
        )
    )
    for row, messages in _with_messages(rows):
        tally.add(
            guard, conversation_id=row.id, session_id=row.session_id, user=row.user_hash, messages=messages,
            incidents=incidents.get(row.id),
        )  # fmt: skip


def _with_messages(rows: Sequence[Conversation]) -> Iterator[tuple[Conversation, list[Message]]]:
    found = read_messages(rows)
    for row in rows:
        yield row, [Message(m.digest, m.role, m.content, m.sent_at, m.metadata) for m in found[row.id]]  # type: ignore[arg-type]


def _input_hash(guardrail: Guardrail, application: Application, since: datetime, until: datetime) -> str:
    period = Conversation.objects.filter(application=application, started_at__gte=since, started_at__lt=until)
    newest = period.order_by("-started_at", "-id").values_list("id", flat=True).first()
    parts = (guardrail.content_hash, application.id, since.isoformat(), until.isoformat(), VERSIONS[SECURITY], newest)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
