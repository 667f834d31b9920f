"""Guardrails in force are looked at again and again: one that blocks the harmless switches itself off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from apps.evaluations.domain.intervals import wilson
from apps.insights.domain.evidence import Found
from apps.insights.domain.signals import Figures, Period, Signal
from apps.insights.services.stories import record_event
from apps.library.domain.backtesting import Tally
from apps.library.domain.guardrails import read_guardrail
from apps.library.models import GuardrailActivation
from apps.library.selectors import guardrails as selectors
from apps.library.services.backtesting import look_at_period
from apps.library.services.guardrails import WATCH_EVERY, deactivate, switched_off_key
from apps.organizations.models import Application, Organization
from apps.organizations.services import record_audit
from apps.platform import clock, outbox, work
from apps.platform.tenancy import tenant

WATCHER = "flywheel"
_WINDOW = timedelta(days=1)
# A look costs seconds, not minutes, however large the day was.
_MOST_CONVERSATIONS = 20_000
# Fewer users than this are no sign: a few who are blocked may be attackers who want the rule gone.
FEWEST_USERS = 5

log = structlog.get_logger(__name__)


def watch(*, organization_id: int, activation_id: int) -> None:
    """Look at the last day under an activation, then ask for the next look; end it where it harms."""
    organization = Organization.objects.get(id=organization_id)
    at = clock.now(organization)
    with tenant(organization_id):
        rows = GuardrailActivation.objects.select_related("guardrail", "application")
        activation: GuardrailActivation | None = rows.filter(id=activation_id).first()
        if activation is None or not activation.stands:
            return
        harm = _harm(activation, at)
        if harm is None:
            work.ask(
                "library.watch_guardrail", organization_id=organization_id, key=str(activation_id), delay=WATCH_EVERY
            )
            return
        reason = harm.words
        deactivate(name=activation.name, application=activation.application, at=at, actor=WATCHER, reason=reason)
        record_audit(
            organization_id=organization_id, at=at, actor=WATCHER, action="guardrail.switched_off",
            subject=str(activation.guardrail), reason=reason,
        )  # fmt: skip
        outbox.emit(
            "guardrail.switched_off", key=str(activation.id), at=at,
            summary=f"{activation.guardrail} switched itself off: {reason}",
            payload={
                "guardrail": activation.name, "version": activation.guardrail.version, "reason": reason,
                "application": activation.application.slug if activation.application else None,
            },
        )  # fmt: skip
        record_event(
            application=harm.application, found=Found(_signal(activation, harm), ()), period=Period(harm.since, at),
            at=at,
        )  # fmt: skip
    log.warning("guardrail.switched_off", organization=organization_id, guardrail=str(activation.guardrail))


@dataclass(frozen=True)
class _Harm:
    """What the last day of an application shows, surely."""

    application: Application
    since: datetime
    tally: Tally
    limit: float

    @property
    def words(self) -> str:
        return (
            f"on {self.application.slug} it blocked {self.tally.benign_blocked:,} of {self.tally.benign:,} harmless"
            f" conversations since {self.since:%Y-%m-%d %H:%M}, surely more than its limit of {self.limit:.2%}"
        )


def _signal(activation: GuardrailActivation, harm: _Harm) -> Signal:
    tally = harm.tally
    return Signal(
        kind="event",
        key=switched_off_key(activation.name),
        metric="block_rate",
        severity="critical",
        title=f"The guardrail {activation.guardrail} switched itself off: {harm.words}",
        figures=Figures(
            value=tally.benign_blocked / tally.benign, unit="fraction", n=tally.benign, limit=harm.limit,
            interval=wilson(tally.benign_blocked, tally.benign),
            detail={"users": len(tally.users), "n_counts": "harmless conversations"},
        ),
    )  # fmt: skip


def _harm(activation: GuardrailActivation, at: datetime) -> _Harm | None:
    """Return what harm the last day shows; None where it shows none, or too little."""
    assert activation.at is not None
    since = max(activation.at, at - _WINDOW)
    applications = (
        [activation.application] if activation.application else selectors.applications_with_traffic(since=since)
    )
    limit = read_guardrail(activation.guardrail.content).most_benign_blocked
    for each in applications:
        tally = look_at_period(activation.guardrail, each.id, since=since, until=at, most=_MOST_CONVERSATIONS)
        if len(tally.users) >= FEWEST_USERS and tally.surely_exceeds(limit):
            return _Harm(each, since, tally, limit)
    return None
