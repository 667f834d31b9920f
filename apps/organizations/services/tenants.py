"""Organizations, their applications and profiles, and a sandbox's clock."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.organizations.models import Application, Organization
from apps.organizations.services.auditing import record_audit
from apps.platform import clock, work
from apps.platform.tenancy import tenant


@transaction.atomic
def ensure_organization(*, slug: str, at: datetime, name: str = "", sandbox: bool = False) -> Organization:
    """Return the organization of this slug, making it if it is missing. An existing one is left as it is."""
    organization, made = Organization.objects.get_or_create(
        slug=slug,
        defaults={
            "name": name or slug.replace("-", " ").capitalize(),
            "sandbox": sandbox,
            "secret": secrets.token_hex(32),
            "created_at": at,
        },
    )
    if made:
        record_audit(organization_id=organization.id, at=at, actor="system", action="organization.made", subject=slug)
    return organization


def ensure_application(*, organization_id: int, slug: str, at: datetime, name: str = "") -> Application:
    """Return the organization's application of this slug, making it if it is missing."""
    with tenant(organization_id):
        application: Application
        application, _ = Application.objects.get_or_create(
            organization_id=organization_id,
            slug=slug,
            defaults={"name": name or slug.replace("-", " ").capitalize(), "created_at": at},
        )
    return application


def say_currency(*, organization: Organization, currency: str, at: datetime, actor: str) -> bool:
    """Give an organization without a currency its one; return whether it has it now. One that has another keeps it.

    Amounts already captured are in the currency of their day: changing it would change what they mean.
    """
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise ValueError("a currency is three capital letters, such as USD")
    if Organization.objects.filter(id=organization.id, currency="").update(currency=currency):
        record_audit(
            organization_id=organization.id, at=at, actor=actor, action="organization.currency", subject=currency
        )
    organization.refresh_from_db(fields=["currency"])
    return organization.currency == currency


def save_profile(*, application: Application, profile: dict[str, Any], at: datetime, actor: str) -> None:
    """Replace an application's profile (already checked for shape)."""
    with tenant(application.organization_id):
        Application.objects.filter(id=application.id).update(profile=profile)
    record_audit(
        organization_id=application.organization_id,
        at=at,
        actor=actor,
        action="profile.saved",
        subject=application.slug,
        keys=sorted(profile),
    )


def set_retention(*, application: Application, days: int | None, at: datetime, actor: str) -> None:
    """Have an application's texts kept so many days; None: as long as its organization says. A change is audited."""
    if application.retention_days == days:
        return
    before, application.retention_days = application.retention_days, days
    application.save(update_fields=["retention_days"])
    record_audit(
        organization_id=application.organization_id, at=at, actor=actor, action="retention.changed",
        subject=application.slug, before=before, after=days,
    )  # fmt: skip


@transaction.atomic
def move_clock(*, organization_id: int, to: datetime, actor: str, at: datetime) -> Organization:
    """Move a sandbox's clock forward. Raises ValueError when it would go back or out of range."""
    if not clock.is_usable(to):
        raise ValueError("the clock stays between the years 2 and 9900")
    organization = Organization.objects.select_for_update().get(id=organization_id, sandbox=True)
    if organization.clock_at is not None and to < organization.clock_at:
        raise ValueError(f"the clock stands at {organization.clock_at.isoformat()} and moves only forward")
    organization.clock_at = to
    organization.save(update_fields=["clock_at"])
    record_audit(
        organization_id=organization_id,
        at=at,
        actor=actor,
        action="clock.moved",
        subject=organization.slug,
        to=to.isoformat(),
    )
    with tenant(organization_id):
        for application_id in Application.objects.values_list("id", flat=True):
            work.ask("evaluations.settle", organization_id=organization_id, key=str(application_id))
        work.hasten(organization_id=organization_id)
    return organization


class NotYourself(ValueError):
    """Who asks others for a second factor has none; the message is for them."""


def set_require_mfa(
    *, organization: Organization, asked: bool, at: datetime, actor: str, actor_has_it: bool
) -> bool:  # fmt: skip
    """Say whether people need a second factor to see the organization; return whether that is a change, then audited.

    Raises NotYourself where who asks for it would lock themselves out.
    """
    if asked and not organization.require_mfa and not actor_has_it:
        raise NotYourself("Set up your own second factor first: without it you would see nothing of this any more.")
    return set_switch(
        organization_id=organization.id, name="require_mfa", asked=asked, subject=organization.slug, at=at, actor=actor
    )  # fmt: skip


def set_two_people(*, organization_id: int, asked: bool, at: datetime, actor: str) -> None:
    """Say whether what reaches everybody at once needs a second person's word."""
    set_switch(
        organization_id=organization_id, name="two_people", asked=asked, subject="guardrails and security changes",
        at=at, actor=actor,
    )  # fmt: skip


def set_switch(*, organization_id: int, name: str, asked: bool, subject: str, at: datetime, actor: str) -> bool:
    """Set one of an organization's switches; return whether that is a change, then audited as organization.NAME."""
    changed = Organization.objects.filter(id=organization_id).exclude(**{name: asked}).update(**{name: asked})
    if changed:
        record_audit(
            organization_id=organization_id, at=at, actor=actor, action=f"organization.{name}", subject=subject,
            asked=asked,
        )  # fmt: skip
    return bool(changed)
