"""What people and commands do to organizations, applications, keys and members."""

from apps.organizations.services.auditing import record_audit
from apps.organizations.services.endpoints import BadEndpoint, EndpointValues, remove_endpoint, save_endpoint
from apps.organizations.services.keys import NewKey, create_key, revoke_key, rotate_key
from apps.organizations.services.people import (
    NewInvitation,
    NoSuchMember,
    PeopleError,
    accept_invitation,
    add_member,
    change_member,
    found_organization,
    invite,
    make_person,
    remove_member,
    revoke_invitation,
)
from apps.organizations.services.tenants import (
    NotYourself,
    ensure_application,
    ensure_organization,
    move_clock,
    save_profile,
    say_currency,
    set_require_mfa,
    set_retention,
    set_two_people,
)

__all__ = [
    "BadEndpoint",
    "EndpointValues",
    "NewInvitation",
    "NewKey",
    "NoSuchMember",
    "NotYourself",
    "PeopleError",
    "accept_invitation",
    "add_member",
    "change_member",
    "create_key",
    "ensure_application",
    "ensure_organization",
    "found_organization",
    "invite",
    "make_person",
    "move_clock",
    "record_audit",
    "remove_endpoint",
    "remove_member",
    "revoke_invitation",
    "revoke_key",
    "rotate_key",
    "save_endpoint",
    "save_profile",
    "say_currency",
    "set_require_mfa",
    "set_retention",
    "set_two_people",
]
