"""Language models that Flywheel may ask: where they are, what they may cost, and when to leave them alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest

from apps.organizations.models import Application, ModelEndpoint, ModelSpending
from apps.organizations.services.auditing import record_audit
from apps.platform import outbound

# Tokens: 300 pairs of probes cost some 400,000 with a prompt of a page.
TOKENS_PER_RUN = 1_000_000
TOKENS_PER_DAY = 3_000_000
_MOST_TOKENS = 1_000_000_000
# So many calls in a row that found it down (each tried several times) open the breaker for so long.
TRIPS_AT = 3
REST = timedelta(minutes=1)


class BadEndpoint(ValueError):
    """The endpoint cannot be used as it is given; ``field`` is at fault."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@dataclass(frozen=True)
class EndpointValues:
    """An endpoint as somebody gives it. ``api_key`` None: the one that is there stays."""

    base_url: str
    model: str
    api_key: str | None = None
    tokens_per_run: int = TOKENS_PER_RUN
    tokens_per_day: int = TOKENS_PER_DAY


def save_endpoint(
    *,
    organization_id: int,
    application: Application | None,
    purpose: str,
    given: EndpointValues,
    at: datetime,
    actor: str,
) -> ModelEndpoint:
    """Set the model of a purpose. Call inside tenant(...). Raises BadEndpoint.

    A key stays only with the address it was given for: nobody has it sent elsewhere by changing the address alone.
    """
    base_url = _check(purpose, given)
    before = (
        ModelEndpoint.objects.select_for_update(of=("self",)).filter(application=application, purpose=purpose).first()
    )
    key = given.api_key
    if key is None:
        key = before.api_key if before is not None else None
        if before is not None and key and before.base_url != base_url:
            raise BadEndpoint("api_key", "the address is another one: give its key, or an empty one")
    saved: ModelEndpoint
    saved, _ = ModelEndpoint.objects.update_or_create(
        organization_id=organization_id,
        application=application,
        purpose=purpose,
        defaults={
            "base_url": base_url, "model": given.model, "api_key": key or None, "tokens_per_run": given.tokens_per_run,
            "tokens_per_day": given.tokens_per_day, "failures": 0, "broken_until": None, "saved_by": actor,
            "saved_at": at,
        },
    )  # fmt: skip
    record_audit(
        organization_id=organization_id, at=at, actor=actor, action="model.set", subject=purpose,
        application=application.slug if application else "", base_url=base_url, model=given.model,
        tokens_per_run=given.tokens_per_run, tokens_per_day=given.tokens_per_day,
    )  # fmt: skip
    return saved


def remove_endpoint(
    *, organization_id: int, application: Application | None, purpose: str, at: datetime, actor: str
) -> bool:
    """Forget the model of a purpose and its key; return whether there was one. Call inside tenant(...)."""
    found = ModelEndpoint.objects.filter(application=application, purpose=purpose)
    if not found.delete()[0]:
        return False
    record_audit(
        organization_id=organization_id, at=at, actor=actor, action="model.removed", subject=purpose,
        application=application.slug if application else "",
    )  # fmt: skip
    return True


def charge(endpoint: ModelEndpoint, *, tokens: int, at: datetime) -> bool:
    """Set tokens of today's budget aside, all or none; return whether they were there. Call inside tenant(...).

    One statement, so two workers together never set aside more than there is. ``at`` is wall time, as money is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO organizations_modelspending AS spent (organization_id, endpoint_id, day, tokens, calls)
            SELECT %(organization)s, %(endpoint)s, %(day)s, %(tokens)s, 1 WHERE %(tokens)s <= %(most)s
            ON CONFLICT (organization_id, endpoint_id, day) DO UPDATE
                SET tokens = spent.tokens + excluded.tokens, calls = spent.calls + 1
                WHERE spent.tokens + excluded.tokens <= %(most)s
            """,
            {
                "organization": endpoint.organization_id, "endpoint": endpoint.id, "day": at.date(), "tokens": tokens,
                "most": endpoint.tokens_per_day,
            },
        )  # fmt: skip
        return bool(cursor.rowcount == 1)


def refund(endpoint: ModelEndpoint, *, tokens: int, at: datetime) -> None:
    """Give back what a call did not use; ``at`` is when it was charged."""
    if tokens:
        ModelSpending.objects.filter(endpoint=endpoint, day=at.date()).update(tokens=Greatest(F("tokens") - tokens, 0))


def note_answered(endpoint: ModelEndpoint) -> None:
    """Close the breaker: the model answers."""
    ModelEndpoint.objects.filter(id=endpoint.id).exclude(failures=0).update(failures=0, broken_until=None)


def note_down(endpoint: ModelEndpoint, *, at: datetime) -> None:
    """Count a call that found the model down; open the breaker at the third in a row. ``at`` is wall time."""
    ModelEndpoint.objects.filter(id=endpoint.id).update(failures=F("failures") + 1)
    ModelEndpoint.objects.filter(id=endpoint.id, failures__gte=TRIPS_AT).update(broken_until=at + REST)


def _check(purpose: str, given: EndpointValues) -> str:
    if purpose not in ModelEndpoint.Purpose.values:
        raise BadEndpoint("purpose", f"a purpose is one of {', '.join(ModelEndpoint.Purpose.values)}")
    base_url = given.base_url.strip().rstrip("/")
    if len(base_url) > 500 or "?" in base_url or "#" in base_url:
        raise BadEndpoint("base_url", "an address has at most 500 characters, no ? and no #")
    try:
        outbound.check_url(base_url)
    except outbound.Refused as error:
        raise BadEndpoint("base_url", str(error)) from error
    if not 0 < len(given.model) <= 200 or not given.model.isprintable():
        raise BadEndpoint("model", "name the model, in at most 200 characters")
    if given.api_key is not None and (len(given.api_key) > 500 or not (given.api_key + "x").isprintable()):
        raise BadEndpoint("api_key", "a key has at most 500 characters")
    for name in ("tokens_per_run", "tokens_per_day"):
        if not 1 <= getattr(given, name) <= _MOST_TOKENS:
            raise BadEndpoint(name, f"a budget is between 1 and {_MOST_TOKENS:,} tokens")
    return base_url
