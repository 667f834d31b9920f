"""Guardrails written, put in force and taken out. Each with its audit row; each may be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from apps.insights.services.stories import end_events
from apps.library.domain.backtesting import read_tally
from apps.library.domain.guardrails import (
    BadGuardrail,
    GuardrailContent,
    as_document,
    check_guardrail_name,
    guardrail_hash,
    read_guardrail,
)
from apps.library.models import Backtest, Guardrail, GuardrailActivation
from apps.library.selectors import guardrails as selectors
from apps.library.services.backtesting import PERIOD
from apps.organizations.models import Application, Organization
from apps.organizations.services import record_audit
from apps.platform import work
from apps.platform.tenancy import current_organization_id

# What was tried longer ago says little of today's traffic.
BACKTEST_LASTS = timedelta(days=7)
WATCH_EVERY = timedelta(minutes=10)
MOST_IN_FORCE = 50
_TRIES = 5


class NotActivated(Exception):
    """A guardrail may not be put in force now; says why."""


def add_guardrail_version(
    *, organization_id: int, name: object, content: object, at: datetime, actor: str, note: str = ""
) -> tuple[Guardrail, bool]:
    """Write a guardrail's next version; return it and whether it is new: what it said before is the version it was.

    Call inside tenant(...). Raises BadGuardrail.
    """
    name, read = check_guardrail_name(name), read_guardrail(content)
    if len(note) > 500 or "\x00" in note:
        raise BadGuardrail("A note has at most 500 characters.")
    for _ in range(_TRIES):
        found = _write(organization_id, name, read, at=at, actor=actor, note=note)
        if found is not None:
            return found
    raise BadGuardrail("Others are writing this guardrail just now; try again.")


def _write(
    organization_id: int, name: str, content: GuardrailContent, *, at: datetime, actor: str, note: str
) -> tuple[Guardrail, bool] | None:
    """Return the version; None where somebody else took its number meanwhile."""
    digest = guardrail_hash(content)
    versions = Guardrail.objects.filter(name=name)
    same: Guardrail | None = versions.filter(content_hash=digest).first()
    if same is not None:
        return same, False
    newest = versions.order_by("-version").values_list("version", flat=True).first() or 0
    try:
        with transaction.atomic():
            made: Guardrail = Guardrail.objects.create(
                organization_id=organization_id, name=name, version=newest + 1, content=as_document(content),
                content_hash=digest, note=note, created_by=actor, created_at=at,
            )  # fmt: skip
    except IntegrityError:
        return None
    record_audit(
        organization_id=organization_id, at=at, actor=actor, action="guardrail.version_added", subject=str(made),
        content_hash=digest,
    )  # fmt: skip
    return made, True


def activate(
    *,
    guardrail: Guardrail,
    application: Application | None,
    at: datetime,
    actor: str,
    reason: str = "",
    approved_by: Sequence[str] = (),
) -> GuardrailActivation:
    """Put a version in force for an application, or (None) for all; it stands in the place of the one before.

    Where the organization asks for two people, the first call waits and the second, by somebody else, takes effect;
    ``approved_by`` names who has approved it elsewhere. Call inside tenant(...). Raises NotActivated where it was not
    backtested within its limit.
    """
    organization = Organization.objects.select_for_update().get(id=guardrail.organization_id)
    standing = selectors.standing_activation(guardrail.name, application)
    if standing is not None and standing.guardrail_id == guardrail.id:
        return standing
    refusal = why_not(guardrail, application, at=at)
    if refusal is not None:
        raise NotActivated(refusal)
    waiting = selectors.waiting_activation(guardrail.name, application)
    if waiting is not None and waiting.guardrail_id != guardrail.id:
        _end(waiting, at=at, actor=actor, reason=f"version {guardrail.version} was asked for instead")
        waiting = None
    people = list(dict.fromkeys([*approved_by, *([waiting.requested_by] if waiting else []), actor]))
    activation = waiting or GuardrailActivation(
        organization_id=guardrail.organization_id, guardrail=guardrail, name=guardrail.name, application=application,
        requested_by=people[0], requested_at=at, reason=reason[:500],
    )  # fmt: skip
    if organization.two_people and len(people) < 2:
        if waiting is None:
            activation.save()
            _audit(activation, "guardrail.activation_asked", at=at, actor=actor, reason=reason)
        return activation
    if standing is None and selectors.count_in_force() >= MOST_IN_FORCE:
        raise NotActivated(f"at most {MOST_IN_FORCE} guardrails are in force at a time")
    if standing is not None:
        _end(standing, at=at, actor=actor, reason=f"version {guardrail.version} takes its place")
    activation.at, activation.approved_by = at, ", ".join(people)[:254]
    activation.save()
    _audit(activation, "guardrail.activated", at=at, actor=actor, reason=reason)
    # Somebody has put it in force again: what the insight told of is over.
    end_events(key=switched_off_key(activation.name), application=application, at=at)
    work.ask(
        "library.watch_guardrail", organization_id=guardrail.organization_id, key=str(activation.id), delay=WATCH_EVERY
    )
    return activation


def switched_off_key(name: str) -> str:
    """Return the key of the insight that tells of a guardrail which switched itself off."""
    return f"guardrail {name} switched itself off"


def why_not(guardrail: Guardrail, application: Application | None, *, at: datetime) -> str | None:
    """Return why a version may not go live; None where it may.

    It must have been tried on each application it is for; where nothing was captured there is nothing to try it on.
    """
    limit = read_guardrail(guardrail.content).most_benign_blocked
    for each in selectors.applications_with_traffic(since=at - PERIOD):
        if application is not None and each.id != application.id:
            continue
        tried = selectors.newest_backtest(guardrail, each)
        if tried is None or tried.created_at < at - BACKTEST_LASTS:
            return f"backtest it on {each.slug} first"
        if tried.status != Backtest.Status.FINISHED:
            return f"its backtest on {each.slug} is {tried.status}"
        tally = read_tally(tried.tally)
        if tally.exceeds(limit):
            return (
                f"on {each.slug} it would block {tally.benign_blocked:,} of {tally.benign:,} harmless conversations,"
                f" more than its limit of {limit:.2%}"
            )
    return None


def deactivate(
    *, name: str, application: Application | None, at: datetime, actor: str, reason: str = ""
) -> GuardrailActivation | None:
    """Take a guardrail out of force there, and what waits; return what stood, else what waited. Inside tenant(...)."""
    Organization.objects.select_for_update().get(id=current_organization_id())
    open_ones = [selectors.standing_activation(name, application), selectors.waiting_activation(name, application)]
    found = [each for each in open_ones if each is not None]
    for each in found:
        _end(each, at=at, actor=actor, reason=reason)
        _audit(each, "guardrail.deactivated", at=at, actor=actor, reason=reason)
    return found[0] if found else None


def restore(
    *, name: str, application: Application | None, before: Guardrail | None, at: datetime, actor: str, reason: str
) -> None:
    """Have exactly what stood there before: that version, which needs no new backtest, or none. Inside tenant(...)."""
    deactivate(name=name, application=application, at=at, actor=actor, reason=reason)
    if before is None:
        return
    activation = GuardrailActivation.objects.create(
        organization_id=before.organization_id, guardrail=before, name=name, application=application,
        requested_by=actor, requested_at=at, reason=reason[:500], approved_by=actor, at=at,
    )  # fmt: skip
    _audit(activation, "guardrail.activated", at=at, actor=actor, reason=reason)
    work.ask(
        "library.watch_guardrail", organization_id=before.organization_id, key=str(activation.id), delay=WATCH_EVERY
    )


def _end(activation: GuardrailActivation, *, at: datetime, actor: str, reason: str) -> None:
    activation.ended_at, activation.ended_by, activation.end_reason = at, actor, reason[:500]
    activation.save(update_fields=["ended_at", "ended_by", "end_reason"])


def _audit(activation: GuardrailActivation, action: str, *, at: datetime, actor: str, reason: str) -> None:
    record_audit(
        organization_id=activation.organization_id, at=at, actor=actor, action=action,
        subject=str(activation.guardrail), reason=reason[:500],
        application=activation.application.slug if activation.application else None,
    )  # fmt: skip
