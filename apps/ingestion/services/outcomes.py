"""Late truths: conversions, survey answers, customers who stayed. Each is told once, by its id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db.models import F

from apps.ingestion.domain.digests import unit_hash
from apps.ingestion.models import Conversation, Outcome
from apps.organizations.models import Organization
from apps.platform import clock, work

_LONGEST_ID, _LONGEST_METRIC = 200, 100
_LONGEST_SESSION = 500  # an index entry has a page to fit in
_TOO_MUCH = Decimal(10) ** 11


class BadOutcome(ValueError):
    """One of the outcomes is malformed; the message says which and why. None was taken."""


class OutcomeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The shape of one outcome."""

    metric: str
    id: str | int
    session_id: str = ""
    unit: str = ""
    value: float | bool | str | None = None
    amount: Decimal | None = None
    timestamp: datetime | None = None


@dataclass(frozen=True)
class Taken:
    """How many outcomes were new, and how many had been told before."""

    accepted: int
    duplicates: int


def take(items: Sequence[Any], *, organization: Organization, application_id: int, at: datetime) -> Taken:
    """Take outcomes in the caller's tenant block and have their conversations assessed again. Raises BadOutcome."""
    checked = [_check(number, item) for number, item in enumerate(items, 1)]
    secret = bytes.fromhex(organization.secret)
    rows = {
        str(item.id): Outcome(
            organization_id=organization.id,
            application_id=application_id,
            external_id=str(item.id),
            session_id=item.session_id,
            unit_hash=unit_hash(secret, item.unit) if item.unit else "",
            metric=item.metric,
            value=item.value,
            amount=item.amount,
            occurred_at=item.timestamp or at,
        )
        for item in checked
    }
    known = set(
        Outcome.objects.filter(application_id=application_id, external_id__in=list(rows)).values_list(
            "external_id", flat=True
        )
    )
    new = [row for key, row in rows.items() if key not in known]
    Outcome.objects.bulk_create(new, ignore_conflicts=True)
    touched = Conversation.objects.filter(
        application_id=application_id, session_id__in=[row.session_id for row in new if row.session_id]
    )
    if touched.update(content_version=F("content_version") + 1):
        work.ask("evaluations.assess_stale", organization_id=organization.id, key=str(application_id))
    return Taken(accepted=len(new), duplicates=len(items) - len(new))


def _check(number: int, item: Any) -> OutcomeRequest:
    try:
        outcome = msgspec.convert(item, OutcomeRequest, strict=False)
    except msgspec.ValidationError as error:
        raise BadOutcome(f"outcome {number}: {error}") from error
    if not outcome.session_id and not outcome.unit:
        raise BadOutcome(f"outcome {number}: session_id or unit must say whom it is about")
    if outcome.timestamp is not None and outcome.timestamp.tzinfo is None:
        outcome.timestamp = outcome.timestamp.replace(tzinfo=UTC)
    if outcome.timestamp is not None and not clock.is_usable(outcome.timestamp):
        raise BadOutcome(f"outcome {number}: timestamp lies outside the years 2 to 9900")
    if len(str(outcome.id)) > _LONGEST_ID or len(outcome.metric) > _LONGEST_METRIC:
        raise BadOutcome(f"outcome {number}: id has at most {_LONGEST_ID} characters, metric {_LONGEST_METRIC}")
    if len(outcome.session_id) > _LONGEST_SESSION:
        raise BadOutcome(f"outcome {number}: session_id has at most {_LONGEST_SESSION} characters")
    if outcome.amount is not None and not (outcome.amount.is_finite() and abs(outcome.amount) < _TOO_MUCH):
        raise BadOutcome(f"outcome {number}: amount must be a number below {_TOO_MUCH:,}")
    return outcome
