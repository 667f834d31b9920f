"""People, who belongs where, and open invitations."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.contrib.sites.models import Site
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.organizations import services
from apps.organizations.administration import actor_of
from apps.organizations.models import Invitation, Membership
from apps.platform import clock
from apps.platform.administration import ReadOnlyAdmin

# Roles are memberships; second factors, tokens and sessions are secrets of their owners.
admin.site.unregister([User, Group, Site, EmailAddress, Authenticator, SocialAccount, SocialToken, UserSession])


@admin.register(User)
class PersonAdmin(ReadOnlyAdmin):
    """People who can sign in. Passwords and second factors are their own; an account is closed, not deleted."""

    list_display = ("email", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "username")
    ordering = ("email",)
    fields = ("email", "is_active", "is_staff", "date_joined", "last_login")
    readonly_fields = ("email", "date_joined", "last_login")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_act_permission(request)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who is in which organization; an organization keeps an owner here, too."""

    list_display = ("user", "organization", "role", "team", "created_at")
    list_filter = ("role", "team")
    search_fields = ("user__email", "organization__slug")
    list_select_related = ("user", "organization")
    ordering = ("organization__name", "user__email")
    fields = ("user", "organization", "role", "team", "created_at")
    readonly_fields = ("user", "organization", "created_at")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_act_permission(request)

    def save_model(self, request: HttpRequest, obj: Membership, form: ModelForm[Membership], change: Any) -> None:
        """Change the role as an owner would; what cannot be is said and not done."""
        try:
            services.change_member(
                organization_id=obj.organization_id, member_id=obj.id, role=obj.role, team=obj.team, at=clock.wall(),
                actor=actor_of(request), actor_role=Membership.Role.OWNER,
            )  # fmt: skip
        except services.PeopleError as error:
            messages.error(request, str(error))


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations."""

    list_display = ("email", "organization", "role", "invited_by", "expires_at", "accepted_at", "revoked_at")
    search_fields = ("email", "organization__slug")
    list_select_related = ("organization",)
    ordering = ("-id",)
    exclude = ("token_hash",)
    actions = ("revoke",)

    @admin.action(description="Close open invitations", permissions=["act"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[Invitation]) -> None:
        """Close them; their links open nothing any more."""
        closed = sum(
            services.revoke_invitation(
                organization_id=each.organization_id, invitation_id=each.id, at=clock.wall(), actor=actor_of(request)
            )
            for each in chosen
        )
        messages.success(request, f"{closed} closed.")
