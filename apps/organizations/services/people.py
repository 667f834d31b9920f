"""People: who is in an organization, with which role, and how they get in."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction

from apps.organizations.models import Invitation, Membership, Organization
from apps.organizations.services.auditing import record_audit
from apps.organizations.services.tenants import ensure_organization

INVITATION_LASTS = timedelta(days=7)


class PeopleError(ValueError):
    """What was asked cannot be; the message is for the person who asked."""


class NoSuchMember(PeopleError):
    """The organization has no member of this id; who asks learns nothing about others."""


@dataclass(frozen=True)
class NewInvitation:
    """An invitation just made. ``token`` is in the link that was mailed and kept nowhere."""

    row: Invitation
    token: str


@transaction.atomic
def make_person(*, email: str, staff: bool = False) -> tuple[User, str]:
    """Make a person with a confirmed address, or give an existing one a new password; return it to show once."""
    address, password = email.strip().lower(), secrets.token_urlsafe(12)
    user = User.objects.filter(email__iexact=address).first() or User(username=address, email=address)
    user.is_staff = user.is_superuser = staff or user.is_staff
    user.set_password(password)
    user.save()
    EmailAddress.objects.update_or_create(user=user, email=address, defaults={"verified": True, "primary": True})
    return user, password


@transaction.atomic
def found_organization(*, user: User, name: str, slug: str, at: datetime) -> Membership:
    """Make an organization whose owner is this person. Raises PeopleError when the address is taken."""
    if Organization.objects.filter(slug=slug).exists():
        raise PeopleError("This address is taken; choose another.")
    organization = ensure_organization(slug=slug, name=name, at=at)
    return add_member(organization_id=organization.id, user=user, role=Membership.Role.OWNER, at=at, actor=_email(user))


@transaction.atomic
def add_member(
    *,
    organization_id: int,
    user: User,
    role: str,
    at: datetime,
    actor: str,
    team: str = Membership.Team.PRODUCT,
) -> Membership:
    """Put a person into an organization; who is in already keeps role and team."""
    membership, made = Membership.objects.get_or_create(
        organization_id=organization_id, user=user, defaults={"role": role, "team": team, "created_at": at}
    )
    if made:
        record_audit(
            organization_id=organization_id, at=at, actor=actor, action="member.added", subject=_email(user), role=role
        )
    return membership


@transaction.atomic
def invite(
    *, organization: Organization, email: str, role: str, team: str, at: datetime, actor: str, actor_role: str
) -> NewInvitation:
    """Invite by e-mail; the mail leaves when this commits. Raises PeopleError.

    Only an owner invites owners. An earlier open invitation of the same address is revoked: one link, one role.
    """
    _check_grant(role, actor_role)
    address = email.strip().lower()
    if Membership.objects.filter(organization=organization, user__email__iexact=address).exists():
        raise PeopleError(f"{address} is in this organization already.")
    open_ones = Invitation.objects.filter(organization=organization, email=address, accepted_at=None, revoked_at=None)
    open_ones.update(revoked_at=at)
    token = secrets.token_urlsafe(32)
    row = Invitation.objects.create(
        organization=organization,
        email=address,
        role=role,
        team=team,
        token_hash=hashlib.sha256(token.encode()).hexdigest(),
        invited_by=actor,
        created_at=at,
        expires_at=at + INVITATION_LASTS,
    )
    record_audit(
        organization_id=organization.id, at=at, actor=actor, action="member.invited", subject=address, role=role
    )
    transaction.on_commit(lambda: _send(row, token, organization.name))
    return NewInvitation(row, token)


@transaction.atomic
def revoke_invitation(*, organization_id: int, invitation_id: int, at: datetime, actor: str) -> bool:
    """Close an open invitation; return whether there was one."""
    rows = Invitation.objects.filter(
        organization_id=organization_id, id=invitation_id, accepted_at=None, revoked_at=None
    )
    row = rows.first()
    if row is None:
        return False
    rows.update(revoked_at=at)
    record_audit(organization_id=organization_id, at=at, actor=actor, action="invitation.revoked", subject=row.email)
    return True


@transaction.atomic
def accept_invitation(*, invitation: Invitation, user: User, at: datetime) -> Membership:
    """Let the invited person in. Raises PeopleError when somebody else's account holds the link, or it is used up."""
    row = Invitation.objects.select_for_update().get(id=invitation.id)
    if row.accepted_at is not None or row.revoked_at is not None or row.expires_at <= at:
        raise PeopleError("This invitation is no longer open; ask for another.")
    if _email(user).lower() != row.email:
        raise PeopleError(f"This invitation is for {row.email}. Sign in with that address.")
    row.accepted_at = at
    row.save(update_fields=["accepted_at"])
    # The link came by mail to this address: whoever opened it reads its mail.
    EmailAddress.objects.filter(user=user, email__iexact=row.email).update(verified=True)
    return add_member(
        organization_id=row.organization_id, user=user, role=row.role, team=row.team, at=at, actor=row.email
    )


@transaction.atomic
def change_member(
    *, organization_id: int, member_id: int, role: str, team: str, at: datetime, actor: str, actor_role: str
) -> Membership:
    """Give a member another role or team. Raises PeopleError; the last owner stays one."""
    member = _locked(organization_id, member_id)
    if member.role != role:
        _check_grant(role, actor_role)
        _check_owner_stays(organization_id, member, actor_role)
    before = member.role
    member.role, member.team = role, team
    member.save(update_fields=["role", "team"])
    record_audit(
        organization_id=organization_id, at=at, actor=actor, action="member.changed", subject=_email(member.user),
        before=before, role=role, team=team,
    )  # fmt: skip
    return member


@transaction.atomic
def remove_member(*, organization_id: int, member_id: int, at: datetime, actor: str, actor_role: str) -> None:
    """Take a person out of the organization: their next request is refused. Raises PeopleError."""
    member = _locked(organization_id, member_id)
    _check_owner_stays(organization_id, member, actor_role)
    record_audit(
        organization_id=organization_id, at=at, actor=actor, action="member.removed", subject=_email(member.user)
    )
    member.delete()


def _locked(organization_id: int, member_id: int) -> Membership:
    # Every owner's row is locked, so that two owners cannot remove one another at the same time.
    rows = Membership.objects.select_for_update().filter(organization_id=organization_id)
    every = {row.id: row for row in rows.order_by("id")}
    if member_id not in every:
        raise NoSuchMember("There is no such member.")
    return every[member_id]


def _check_grant(role: str, actor_role: str) -> None:
    if role not in Membership.Role.values:
        raise PeopleError("There is no such role.")
    if role == Membership.Role.OWNER and actor_role != Membership.Role.OWNER:
        raise PeopleError("Only an owner makes owners.")


def _check_owner_stays(organization_id: int, member: Membership, actor_role: str) -> None:
    if member.role != Membership.Role.OWNER:
        return
    if actor_role != Membership.Role.OWNER:
        raise PeopleError("Only an owner changes owners.")
    owners = Membership.objects.filter(organization_id=organization_id, role=Membership.Role.OWNER)
    if not owners.exclude(id=member.id).exists():
        raise PeopleError("An organization keeps at least one owner.")


def _email(user: User) -> str:
    return user.email or user.get_username()


def _send(row: Invitation, token: str, organization: str) -> None:
    # Mail headers are one line, whatever an organization calls itself.
    name = " ".join(organization.split())
    send_mail(
        f"You are invited to {name} on Flywheel",
        f"{row.invited_by} invites you to {name} as {row.role}.\n\n"
        f"{settings.SITE_URL}/invitations/{token}/\n\n"
        f"The link opens once, for {row.email}, until {row.expires_at:%d %B %Y %H:%M} UTC.\n",
        None,
        [row.email],
    )
