"""Reads of the tables that stand outside row security, and of applications."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from allauth.mfa.models import Authenticator
from django.db.models import F, Q, QuerySet
from django.http import Http404

from apps.organizations.models import (
    ApiKey,
    Application,
    AuditEvent,
    Invitation,
    Membership,
    ModelEndpoint,
    ModelSpending,
    Organization,
    OrganizationErasure,
    SavedView,
)
from apps.platform.models import WebhookDelivery, WebhookEndpoint


@dataclass(frozen=True)
class Principal:
    """Who is calling: a key of one organization, perhaps bound to one application."""

    organization: Organization
    key_prefix: str
    scopes: frozenset[str]
    application_id: int | None

    is_authenticated = True

    @property
    def name(self) -> str:
        return f"key {self.key_prefix}"


def find_principal(secret: str, at: datetime) -> Principal | None:
    """Return who holds this key now, or None if it is unknown, wrong, revoked or expired."""
    parts = secret.split("_", 3)
    if len(parts) != 4 or parts[0] != "fw" or len(parts[2]) != 8 or not parts[2].isalnum():
        return None
    key = ApiKey.objects.select_related("organization").filter(prefix=parts[2]).first()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    if key is None or not hmac.compare_digest(key.sha256, digest):
        return None
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= at):
        return None
    return Principal(key.organization, key.prefix, frozenset(key.scopes), key.application_id)


def find_application(slug: str) -> Application | None:
    """Return the current organization's application of this slug. Call inside tenant(...)."""
    return Application.objects.filter(slug=slug).first()


def list_organizations() -> list[Organization]:
    """Return every organization, for operators' commands."""
    return list(Organization.objects.order_by("id"))


def get_organization(slug: str) -> Organization | None:
    """Return the organization of this slug."""
    return Organization.objects.filter(slug=slug).first()


def fingerprint_of(organization: Organization) -> str:
    """Return what stands for an organization that is erased: a digest of its address and the moment it was made."""
    made = organization.created_at.astimezone(UTC).isoformat()
    return hashlib.sha256(f"{organization.slug}\n{made}\n{organization.id}".encode()).hexdigest()


def list_organization_erasures() -> list[OrganizationErasure]:
    """Return the organizations that were erased, or are being, oldest first."""
    return list(OrganizationErasure.objects.order_by("id"))


def named_application(slug: str | None) -> Application | None:
    """Return the application of this slug, None for no slug. Raises Http404 for one that is not here."""
    if not slug:
        return None
    application = find_application(slug)
    if application is None:
        raise Http404("There is no such application in this organization.")
    return application


def list_applications() -> list[Application]:
    """Return the current organization's applications by name. Call inside tenant(...)."""
    return list(Application.objects.order_by("name", "id")[:200])


def applications_of(ids: Collection[int]) -> dict[int, Application]:
    """Return the current organization's applications with these ids, by id. Call inside tenant(...)."""
    return Application.objects.in_bulk(ids)


def model_for(application: Application, purpose: str) -> ModelEndpoint | None:
    """Return the model an application has for a purpose: its own, else the organization's. Call inside tenant(...)."""
    rows = ModelEndpoint.objects.filter(Q(application=application) | Q(application=None), purpose=purpose)
    return rows.order_by(F("application").asc(nulls_last=True)).first()


def list_models() -> list[ModelEndpoint]:
    """Return the current organization's models, those for all applications first. Call inside tenant(...)."""
    rows = ModelEndpoint.objects.select_related("application")
    return list(rows.order_by(F("application__slug").asc(nulls_first=True), "purpose")[:400])


def spent_on_models(at: datetime) -> dict[int, int]:
    """Return the tokens that each model (by id) has cost on the day of ``at``, wall time. Call inside tenant(...)."""
    return dict(ModelSpending.objects.filter(day=at.date()).values_list("endpoint_id", "tokens"))


def memberships_of(*, user_id: int) -> list[Membership]:
    """Return a person's memberships with their organizations, oldest first."""
    return list(Membership.objects.select_related("organization", "user").filter(user_id=user_id).order_by("id")[:200])


def has_second_factor(user_id: int) -> bool:
    """Return whether a person signs in with an authenticator app or a security key, too."""
    return bool(with_second_factor([user_id]))


def with_second_factor(user_ids: Collection[int]) -> set[int]:
    """Return those of these people who have a second factor. Codes for recovery alone are none."""
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    rows = Authenticator.objects.filter(user_id__in=user_ids, type__in=kinds)
    return set(rows.values_list("user_id", flat=True))


def members_of(*, organization_id: int) -> list[Membership]:
    """Return the people of an organization by e-mail."""
    rows = Membership.objects.select_related("user").filter(organization_id=organization_id)
    return list(rows.order_by("user__email")[:1000])


def invitations_of(*, organization_id: int, at: datetime) -> list[Invitation]:
    """Return invitations that can still be accepted, newest first."""
    rows = Invitation.objects.filter(organization_id=organization_id, accepted_at=None, revoked_at=None)
    return list(rows.filter(expires_at__gt=at).order_by("-id")[:200])


def find_invitation(token: str, at: datetime) -> Invitation | None:
    """Return the invitation this token opens now, or None."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    rows = Invitation.objects.select_related("organization").filter(
        token_hash=digest, accepted_at=None, revoked_at=None
    )
    return rows.filter(expires_at__gt=at).first()


def keys_of(*, organization_id: int) -> list[ApiKey]:
    """Return an organization's keys, newest first."""
    return list(ApiKey.objects.select_related(None).filter(organization_id=organization_id).order_by("-id")[:200])


def pushing_keys(*, organization_id: int, application_id: int | None, at: datetime) -> QuerySet[ApiKey]:
    """Return the keys that may push conversations of an application (None: of any) at a moment of wall time."""
    rows = ApiKey.objects.filter(
        organization_id=organization_id, revoked_at=None, scopes__contains=[ApiKey.Scope.INGEST]
    )
    rows = rows.filter(Q(expires_at=None) | Q(expires_at__gt=at))
    return rows if application_id is None else rows.filter(Q(application=None) | Q(application_id=application_id))


def list_audit(
    *, organization_id: int, before: int | None, limit: int, actor: str = "", action: str = ""
) -> list[AuditEvent]:
    """Return a page of the audit trail, newest first."""
    rows = AuditEvent.objects.filter(organization_id=organization_id)
    if before is not None:
        rows = rows.filter(id__lt=before)
    if actor:
        rows = rows.filter(actor=actor)
    if action:
        rows = rows.filter(action=action)
    return list(rows.order_by("-id")[:limit])


def list_endpoints() -> list[WebhookEndpoint]:
    """Return the current organization's webhooks, newest first. Call inside tenant(...)."""
    return list(WebhookEndpoint.objects.order_by("-id")[:100])


def find_endpoint(public_id: str) -> WebhookEndpoint | None:
    """Return the current organization's webhook of this id. Call inside tenant(...)."""
    return WebhookEndpoint.objects.filter(public_id=public_id).first()


def list_deliveries(endpoint: WebhookEndpoint, *, before: int | None, limit: int) -> list[WebhookDelivery]:
    """Return a page of what was sent to an endpoint, newest first. Call inside tenant(...)."""
    rows = WebhookDelivery.objects.select_related("event").filter(endpoint=endpoint)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def find_delivery(endpoint: WebhookEndpoint, event_id: str) -> WebhookDelivery | None:
    """Return the delivery of an event to an endpoint. Call inside tenant(...)."""
    rows = WebhookDelivery.objects.select_related("endpoint", "event")
    return rows.filter(endpoint=endpoint, event__public_id=event_id).first()


def saved_views(*, page: str, member_id: int) -> list[SavedView]:
    """Return a member's views of a list and those shared with everybody, by name. Call inside tenant(...)."""
    rows = SavedView.objects.select_related("member__user").filter(Q(member_id=member_id) | Q(shared=True), page=page)
    return list(rows.order_by("name", "id")[:200])


def find_view(public_id: str, *, member_id: int) -> SavedView | None:
    """Return a view that this member sees. Call inside tenant(...)."""
    rows = SavedView.objects.select_related("member").filter(Q(member_id=member_id) | Q(shared=True))
    return rows.filter(public_id=public_id).first()
