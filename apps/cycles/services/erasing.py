"""Erasing a person: transcripts, facts and the lines they came in go, and whatever else points at them or quotes them.

It stands here because it reaches into every app below. Frozen reports and decided experiments keep their aggregates,
which name nobody; what points at the conversations answers that they were erased. It is done by the keyed hash of the
user's id, in pieces, and may be done again; killed half-way it goes on where it stood.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from apps.cycles.services.forgetting import forget_named
from apps.evaluations.services import forgetting as analysis
from apps.experiments.services import exposing
from apps.experiments.services.forgetting import forget_exposures, forget_unit
from apps.improvements.services.forgetting import forget_cases, forget_evidence
from apps.ingestion.domain.digests import unit_hash
from apps.ingestion.models import Erasure
from apps.ingestion.services import forgetting as capture
from apps.ingestion.services.forgetting import Session
from apps.library.services.forgetting import forget_backtested, forget_templates
from apps.organizations import selectors as organizations
from apps.organizations.models import Organization
from apps.organizations.services import record_audit
from apps.platform import clock, work
from apps.platform.tenancy import tenant

KINDS = ("lines", "conversations", "facts", "outcomes", "exposures", "cases", "pinned")
_AT_ONCE = 500
_SAVED_EVERY = 100


def hash_of(organization: Organization, user_id: str) -> str:
    """Return the keyed hash under which a user's id is kept."""
    return unit_hash(bytes.fromhex(organization.secret), user_id)


def ask_erasure(*, organization_id: int, person: str, at: datetime, actor: str) -> Erasure:
    """Have a person erased, by their keyed hash; asked again, what came since goes too. Call inside tenant(...)."""
    erasure: Erasure
    erasure, _ = Erasure.objects.update_or_create(
        organization_id=organization_id, unit_hash=person,
        defaults={
            "status": Erasure.Status.ASKED, "asked_by": actor, "asked_at": at, "finished_at": None, "progress": {}
        },
    )  # fmt: skip
    record_audit(
        organization_id=organization_id, at=at, actor=actor, action="person.erasure_asked", subject=person[:12]
    )
    work.ask("cycles.erase", organization_id=organization_id, key=person)
    return erasure


@dataclass
class _Progress:
    """How far an erasure has come: every batch up to ``looked`` was searched, up to ``cleaned`` rewritten."""

    sessions: set[Session] = field(default_factory=set)
    looked: int = 0
    cleaned: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def save(self, person: str) -> None:
        progress = {
            "sessions": sorted(map(list, self.sessions)), "looked": self.looked, "cleaned": self.cleaned,
            "counts": self.counts,
        }  # fmt: skip
        Erasure.objects.filter(unit_hash=person).update(progress=progress)


def erase(*, organization_id: int, person: str, user_id: str = "") -> dict[str, int]:
    """Erase what there is of a person; return how much of each kind went. Repeatable; killed half-way it goes on.

    With the ``user_id`` itself, exposures go too that no log ever echoed: a unit's digest is not made of its hash.
    """
    organization = Organization.objects.get(id=organization_id)
    at = clock.now(organization)
    # What still waits in the stream would become an exposure behind our back.
    exposing.collect(organization_id=organization_id)
    with tenant(organization_id):
        progress = _read(person)
        progress.sessions |= capture.sessions_of(unit_hash=person) | analysis.sessions_in_facts(unit_hash=person)
        progress.save(person)
    _look(organization_id, person, progress)
    _clean(organization, person, progress)
    for sessions in _pieces(progress.sessions):
        with tenant(organization_id):
            progress.counts.update(_forget(organization_id, person, frozenset(sessions), at))
            progress.save(person)
    counts = {kind: progress.counts[kind] for kind in KINDS}
    with tenant(organization_id):
        counts["exposures"] += forget_unit(user_id) if user_id else 0
        Erasure.objects.filter(unit_hash=person).update(
            status=Erasure.Status.DONE, finished_at=at, counts=counts, progress={}
        )
        record_audit(
            organization_id=organization_id, at=at, actor="flywheel", action="person.erased", subject=person[:12],
            **counts,
        )  # fmt: skip
    return counts


def list_erasures() -> list[dict[str, Any]]:
    """Return every organization's finished erasures, as ``erase_again`` takes them: hashes, no names."""
    told = []
    for organization in organizations.list_organizations():
        with tenant(organization.id):
            rows = Erasure.objects.filter(status=Erasure.Status.DONE).order_by("id")
            told += [
                {"organization": organization.slug, "person": each.unit_hash, "asked_by": each.asked_by,
                 "asked_at": each.asked_at.isoformat()}
                for each in rows.iterator(chunk_size=1_000)
            ]  # fmt: skip
    return told


def erase_again(told: Iterable[Mapping[str, Any]]) -> int:
    """Apply erasures to a restored database; return how many. Organizations that are not there are passed over."""
    applied = 0
    for each in told:
        organization = organizations.get_organization(str(each["organization"]))
        if organization is None:
            continue
        at = parse_datetime(str(each["asked_at"])) or clock.now(organization)
        with tenant(organization.id):
            ask_erasure(organization_id=organization.id, person=str(each["person"]), at=at, actor=str(each["asked_by"]))
        erase(organization_id=organization.id, person=str(each["person"]))
        applied += 1
    return applied


def _read(person: str) -> _Progress:
    told = Erasure.objects.filter(unit_hash=person).values_list("progress", flat=True).first() or {}
    sessions = {(int(application_id), str(session)) for application_id, session in told.get("sessions", ())}
    return _Progress(sessions, told.get("looked", 0), told.get("cleaned", 0), Counter(told.get("counts", {})))


def _look(organization_id: int, person: str, progress: _Progress) -> None:
    """Find the sessions that only lines tell of, before the first line goes: a line need not name its speaker."""
    found = capture.find_in_lines(organization_id=organization_id, unit_hash=person, after=progress.looked)
    for n, (batch_id, sessions) in enumerate(found, start=1):
        progress.sessions |= sessions
        progress.looked = batch_id
        if n % _SAVED_EVERY == 0:
            _save(organization_id, person, progress)
    _save(organization_id, person, progress)


def _clean(organization: Organization, person: str, progress: _Progress) -> None:
    """Take the lines out of their batches, before the conversations: one stored meanwhile brings nothing back."""
    cleaned = capture.forget_lines(
        organization=organization, person=person, sessions=progress.sessions, after=progress.cleaned
    )
    for n, (batch_id, lines) in enumerate(cleaned, start=1):
        progress.counts["lines"] += lines
        progress.cleaned = batch_id
        if n % _SAVED_EVERY == 0:
            _save(organization.id, person, progress)
    _save(organization.id, person, progress)


def _save(organization_id: int, person: str, progress: _Progress) -> None:
    with tenant(organization_id):
        progress.save(person)


def _pieces(sessions: set[Session]) -> Iterator[list[Session]]:
    # At least one: what is kept under the hash alone goes with it.
    every = sorted(sessions)
    for start in range(0, max(1, len(every)), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


def _forget(organization_id: int, person: str, sessions: frozenset[Session], at: datetime) -> dict[str, int]:
    """Erase some of the person's sessions, the conversations last: until then they tell what else there is."""
    trace = capture.trace_of(unit_hash=person, sessions=sessions)
    facts = analysis.forget_facts(trace)
    analysis.forget_mentions(trace, organization_id=organization_id)
    forget_backtested(trace)
    forget_templates(trace, organization_id=organization_id, at=at)
    forget_evidence(trace)
    forget_named(trace)
    counts = {
        "facts": facts.facts,
        "exposures": forget_exposures(trace.assignments | facts.assignments),
        "cases": forget_cases(trace),
        "pinned": analysis.forget_pinned(trace),
    }
    counts["conversations"], counts["outcomes"] = capture.forget_conversations(trace)
    return counts
