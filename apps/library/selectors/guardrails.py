"""Reads of guardrails: versions, what is in force, backtests. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from apps.evaluations.domain.security.masking import excerpt
from apps.evaluations.domain.values import ApplicationProfile
from apps.ingestion.models import Conversation
from apps.ingestion.selectors import read_messages
from apps.library.domain.backtesting import read_tally
from apps.library.domain.guarding import ActiveGuardrail
from apps.library.domain.guardrails import read_guardrail
from apps.library.models import Backtest, Guardrail, GuardrailActivation
from apps.organizations.models import Application

_STANDING = Q(at__isnull=False, ended_at=None)
_WAITING = Q(at=None, ended_at=None)


@dataclass(frozen=True)
class Listed:
    """A guardrail as lists show it: its newest version, by whose id lists are paged, and what is in force where."""

    id: int
    name: str
    newest: Guardrail
    standing: tuple[GuardrailActivation, ...]
    waiting: tuple[GuardrailActivation, ...]


def find_guardrail(name: str, version: int | None = None) -> Guardrail | None:
    """Return a version of a guardrail; the newest where none is named."""
    rows = Guardrail.objects.filter(name=name)
    return rows.order_by("-version").first() if version is None else rows.filter(version=version).first()


def list_guardrails(*, before: int | None, limit: int) -> list[Listed]:
    """Return a page of guardrails, the last written first; three queries."""
    names = Guardrail.objects.values("name").annotate(newest=Max("id"))
    if before is not None:
        names = names.filter(newest__lt=before)
    page = list(names.order_by("-newest")[:limit])
    newest = Guardrail.objects.filter(id__in=[each["newest"] for each in page]).order_by("-id")
    open_ones = list(
        GuardrailActivation.objects.filter(name__in=[each["name"] for each in page], ended_at=None)
        .select_related("guardrail", "application")
        .order_by("id")
    )
    return [
        Listed(
            each.id, each.name, each, tuple(one for one in open_ones if one.name == each.name and one.stands),
            tuple(one for one in open_ones if one.name == each.name and one.waits),
        )
        for each in newest
    ]  # fmt: skip


def list_guardrail_versions(name: str, *, before: int | None = None, limit: int = 50) -> list[Guardrail]:
    """Return a page of versions, newest first."""
    rows = Guardrail.objects.filter(name=name)
    if before is not None:
        rows = rows.filter(version__lt=before)
    return list(rows.order_by("-version")[:limit])


def standing_activation(name: str, application: Application | None) -> GuardrailActivation | None:
    """Return what is in force under this name there, exactly: one for all is not one for an application."""
    return _activations(name, application).filter(_STANDING).first()


def waiting_activation(name: str, application: Application | None) -> GuardrailActivation | None:
    """Return what waits there for a second person."""
    return _activations(name, application).filter(_WAITING).first()


def activation_history(name: str, *, limit: int = 100) -> list[GuardrailActivation]:
    """Return where versions were in force, newest first, with those that wait."""
    rows = GuardrailActivation.objects.filter(name=name).select_related("guardrail", "application")
    return list(rows.order_by("-id")[:limit])


def count_in_force() -> int:
    """Return how many activations stand in the organization."""
    return GuardrailActivation.objects.filter(_STANDING).count()


def applications_with_traffic(*, since: datetime) -> list[Application]:
    """Return the applications that have captured conversations since then."""
    talked = Conversation.objects.filter(application=OuterRef("id"), started_at__gte=since)
    return list(Application.objects.filter(Exists(talked)).order_by("id"))


def newest_backtest(guardrail: Guardrail, application: Application) -> Backtest | None:
    """Return the newest backtest of a version on an application."""
    rows = Backtest.objects.filter(guardrail=guardrail, application=application).select_related(
        "application", "guardrail"
    )
    return rows.order_by("-id").first()


def list_backtests(guardrail: Guardrail, *, application_id: int | None = None, limit: int = 50) -> list[Backtest]:
    """Return a version's backtests, newest first."""
    rows = Backtest.objects.filter(guardrail=guardrail).select_related("application", "guardrail")
    if application_id is not None:
        rows = rows.filter(application_id=application_id)
    return list(rows.order_by("-id")[:limit])


@dataclass(frozen=True)
class FalsePositive:
    """A message of a harmless conversation that would have been blocked; the excerpt is masked."""

    session_id: str
    role: str
    rule: str
    excerpt: str


def false_positives(backtests: Sequence[Backtest]) -> dict[int, list[FalsePositive]]:
    """Return what backtests would have blocked among the harmless, by backtest id, as far as it is still kept."""
    found = {each.id: read_tally(each.tally).examples for each in backtests}
    wanted = {example.conversation_id for examples in found.values() for example in examples}
    said = {
        (conversation_id, message.digest): message.content
        for conversation_id, messages in read_messages(list(Conversation.objects.filter(id__in=wanted))).items()
        for message in messages
    }
    return {
        backtest_id: [
            FalsePositive(each.session_id, each.role, each.rule, excerpt(text, each.span))
            for each in examples
            if (text := said.get((each.conversation_id, each.digest))) is not None
        ]
        for backtest_id, examples in found.items()
    }


@dataclass(frozen=True)
class Guarding:
    """What is needed to guard an application: its id and profile, and the guardrails that are in force for it."""

    application_id: int
    slug: str
    profile: ApplicationProfile
    guardrails: tuple[ActiveGuardrail, ...]


def serving_guardrails() -> tuple[Guarding, ...]:
    """Return what guards each application of the organization, in two queries. One of its own stands before one for
    all of the same name."""
    rows = GuardrailActivation.objects.filter(_STANDING).select_related("guardrail").order_by("name")
    standing = [(each.application_id, _active(each.guardrail)) for each in rows]
    for_all = {active.name: active for application_id, active in standing if application_id is None}
    guarding = []
    for application_id, slug, profile in Application.objects.values_list("id", "slug", "profile"):
        own = {active.name: active for of, active in standing if of == application_id}
        found = for_all | own
        guarding.append(Guarding(application_id, slug, _profile(profile), tuple(found[name] for name in sorted(found))))
    return tuple(guarding)


def serving_guardrails_state() -> tuple[Any, ...]:
    """Return what changes whenever ``serving_guardrails`` would answer otherwise."""
    rows = GuardrailActivation.objects.aggregate(
        all=Count("id"), begun=Count("id", filter=~Q(at=None)), standing=Count("id", filter=_STANDING)
    )
    # Profiles are few and change seldom: compared whole, they need no counter that somebody may forget to raise.
    profiles = Application.objects.order_by("id").values_list(
        "id", "slug", "profile__system_prompt", "profile__canaries"
    )
    return (rows["all"], rows["begun"], rows["standing"], msgspec.json.encode(list(profiles)))


def _active(guardrail: Guardrail) -> ActiveGuardrail:
    return ActiveGuardrail(guardrail.name, guardrail.version, guardrail.content_hash, read_guardrail(guardrail.content))


def _profile(document: dict[str, Any]) -> ApplicationProfile:
    """Return what the security rules need of a profile."""
    return ApplicationProfile(
        system_prompt=str(document.get("system_prompt", "")), canaries=tuple(map(str, document.get("canaries", ())))
    )


def _activations(name: str, application: Application | None) -> QuerySet[GuardrailActivation]:
    rows = GuardrailActivation.objects.filter(name=name).select_related("guardrail", "application")
    return rows.filter(application__isnull=True) if application is None else rows.filter(application=application)
