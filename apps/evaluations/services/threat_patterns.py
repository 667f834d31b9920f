"""Threat patterns written, proposed, measured, approved and retired. Each with its audit row; each may be repeated."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max

from apps.evaluations.domain.security.candidates import Candidate, find_candidates
from apps.evaluations.domain.security.readings import fold
from apps.evaluations.domain.security.rulepack import Rule, RuleSet
from apps.evaluations.domain.security.threats import (
    BENIGN_LIMIT,
    Threat,
    check_threat,
    harmless_examples,
    matched,
)
from apps.evaluations.models import ThreatPattern
from apps.evaluations.selectors.taught import rule_of
from apps.evaluations.selectors.threat_patterns import MOST_OPEN, harmless_messages, suspicious_messages
from apps.evaluations.services.runs import start_run
from apps.organizations.models import Application, Organization
from apps.organizations.services import record_audit
from apps.platform import clock
from apps.platform.tenancy import tenant

# The conversations a pattern is measured on, and what it is looked for in again once it is approved.
MEASURED_ON = 2_000
LOOKED_AT_AGAIN = timedelta(days=7)
_SEARCHED = timedelta(days=28)
_ALIKE = 0.8
_NAMED = 20


class PatternRefused(Exception):
    """The pattern may not go live; the message says why."""


def create_pattern(
    *,
    organization_id: int,
    name: object,
    pattern: object,
    kind: object,
    severity: object,
    at: datetime,
    actor: str,
    benign_limit: object = BENIGN_LIMIT,
) -> tuple[ThreatPattern, bool]:
    """Write a candidate and measure it; return it and whether it is new: repeated, it is the one it was.

    Another pattern under a known name is the next version. Call inside tenant(...). Raises BadPattern.
    """
    threat = check_threat(name=name, pattern=pattern, kind=kind, severity=severity, benign_limit=benign_limit)
    Organization.objects.select_for_update(no_key=True).get(id=organization_id)
    versions = ThreatPattern.objects.filter(name=threat.name)
    same = versions.filter(
        pattern=threat.pattern, type=threat.type, severity=threat.severity, benign_limit=threat.benign_limit
    ).order_by("-version").first()  # fmt: skip
    if same is not None and same.status != ThreatPattern.Status.RETIRED:
        return same, False
    newest = versions.aggregate(newest=Max("version"))["newest"] or 0
    row = _write(organization_id, threat, version=newest + 1, at=at, actor=actor)
    measure(row, at=at)
    return row, True


def measure(pattern: ThreatPattern, *, at: datetime) -> ThreatPattern:
    """Count again how many harmless messages of the organization the pattern matches. Call inside tenant(...).

    What a person calls an attack is not harmless: ``sessions`` names the hits for somebody to judge.
    """
    said = harmless_messages(limit=MEASURED_ON)
    rule, examples = rule_of(pattern), harmless_examples()
    hits = matched(rule, [each.text for each in said])
    pattern.benign_hits = sum(hits) + sum(matched(rule, examples))
    pattern.benign_messages = len(said) + len(examples)
    pattern.measured_at = at
    if pattern.source == ThreatPattern.Source.PERSON:
        names = dict.fromkeys(each.session_id for each, hit in zip(said, hits, strict=True) if hit)
        pattern.sessions = list(names)[:_NAMED]
    pattern.save(update_fields=["benign_hits", "benign_messages", "measured_at", "sessions"])
    return pattern


def approve(*, pattern: ThreatPattern, organization: Organization, at: datetime, actor: str) -> ThreatPattern:
    """Have every application's analyzers run the pattern, from their next look on; the last week is looked at again.

    The version that was live until now is retired. Call inside tenant(...). Raises PatternRefused where it matches
    more harmless messages than its limit allows, counted anew, or was retired.
    """
    row = _locked(pattern)
    if row.status == ThreatPattern.Status.APPROVED:
        return row
    if row.status == ThreatPattern.Status.RETIRED:
        raise PatternRefused("A retired pattern stays retired; write it again.")
    measure(row, at=at)
    rate = row.false_positive_rate or 0.0
    if rate > row.benign_limit:
        raise PatternRefused(
            f"It matches {row.benign_hits:,} of {row.benign_messages:,} harmless messages ({rate:.2%}); "
            f"its limit is {row.benign_limit:.2%}. Judge those that are attacks, and try again."
        )
    for live in ThreatPattern.objects.filter(name=row.name, status=ThreatPattern.Status.APPROVED):
        _end(live, at=at, actor=actor)
    row.status, row.approved_at, row.approved_by = ThreatPattern.Status.APPROVED, at, actor
    row.save(update_fields=["status", "approved_at", "approved_by"])
    record_audit(
        organization_id=row.organization_id, at=at, actor=actor, action="threat_pattern.approved", subject=str(row),
        benign_hits=row.benign_hits, benign_messages=row.benign_messages,
    )  # fmt: skip
    _look_again(organization, at, actor)
    return row


def retire(*, pattern: ThreatPattern, organization: Organization, at: datetime, actor: str) -> ThreatPattern:
    """Take a pattern out of the analyzers, or a candidate off the list. Call inside tenant(...)."""
    row = _locked(pattern)
    if row.status == ThreatPattern.Status.RETIRED:
        return row
    was_live = row.status == ThreatPattern.Status.APPROVED
    _end(row, at=at, actor=actor)
    if was_live:
        _look_again(organization, at, actor)
    return row


def propose_patterns(*, organization_id: int, application_id: int) -> int:
    """Write a candidate for each new cluster of suspicious messages no rule matched; return how many are new."""
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        at = clock.now(organization)
        application = Application.objects.filter(id=application_id).first()
        items, began = suspicious_messages(application_id=application_id, since=at - _SEARCHED)
        if application is None or not items:
            return 0
        harmless = [said.text for said in harmless_messages(application_id=application_id, limit=MEASURED_ON)]
        found = find_candidates(items, harmless)
        known = [rule_of(pattern) for pattern in ThreatPattern.objects.order_by("-id")[:500]]
        opened = ThreatPattern.objects.filter(
            application=application, status=ThreatPattern.Status.CANDIDATE, source=ThreatPattern.Source.CLUSTER
        ).count()
        new = [candidate for candidate in found if not _is_known(candidate, known)]
        for candidate in new[: max(0, MOST_OPEN - opened)]:
            _propose(application, candidate, min(began[name] for name in candidate.sessions), at)
        return len(new[: max(0, MOST_OPEN - opened)])


def _propose(application: Application, candidate: Candidate, first_seen: datetime, at: datetime) -> None:
    rule = candidate.rule
    row, made = ThreatPattern.objects.get_or_create(
        organization_id=application.organization_id,
        name=rule.id,
        version=1,
        defaults={
            "pattern": rule.pattern[:2000], "type": rule.type, "severity": rule.severity, "application": application,
            "source": ThreatPattern.Source.CLUSTER, "first_seen_at": first_seen, "benign_limit": BENIGN_LIMIT,
            "messages": candidate.messages, "users": candidate.users, "sessions": list(candidate.sessions[:_NAMED]),
            "examples": list(candidate.examples), "benign_hits": candidate.benign_hits,
            "benign_messages": candidate.benign_messages, "measured_at": at, "created_by": "analysis",
            "created_at": at,
        },
    )  # fmt: skip
    if made:
        record_audit(
            organization_id=row.organization_id, at=at, actor="analysis", action="threat_pattern.proposed",
            subject=str(row), application=application.slug, messages=candidate.messages, users=candidate.users,
        )  # fmt: skip


def _is_known(candidate: Candidate, known: list[Rule]) -> bool:
    """Return whether one pattern, whatever became of it, matches most of the cluster already."""
    texts = [fold(example) for example in candidate.examples]
    hits = [0] * len(known)
    rules = RuleSet(known)
    for text in texts:
        for index in rules.matching(text):
            hits[index] += 1
    return any(count >= _ALIKE * len(texts) for count in hits)


def _write(organization_id: int, threat: Threat, *, version: int, at: datetime, actor: str) -> ThreatPattern:
    row: ThreatPattern = ThreatPattern.objects.create(
        organization_id=organization_id, name=threat.name, version=version, pattern=threat.pattern, type=threat.type,
        severity=threat.severity, benign_limit=threat.benign_limit, first_seen_at=at, created_by=actor, created_at=at,
    )  # fmt: skip
    record_audit(organization_id=organization_id, at=at, actor=actor, action="threat_pattern.written", subject=str(row))
    return row


def _locked(pattern: ThreatPattern) -> ThreatPattern:
    row: ThreatPattern = ThreatPattern.objects.select_for_update().get(id=pattern.id)
    return row


def _end(row: ThreatPattern, *, at: datetime, actor: str) -> None:
    row.status, row.retired_at, row.retired_by = ThreatPattern.Status.RETIRED, at, actor
    row.save(update_fields=["status", "retired_at", "retired_by"])
    record_audit(
        organization_id=row.organization_id, at=at, actor=actor, action="threat_pattern.retired", subject=str(row)
    )


def _look_again(organization: Organization, at: datetime, actor: str) -> None:
    for application in Application.objects.order_by("id"):
        start_run(
            organization=organization, application=application, at=at, asked_by=actor, since=at - LOOKED_AT_AGAIN,
            only_outdated=True,
        )  # fmt: skip
