"""The team: members, invitations; API keys; the audit trail."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.organizations import selectors, services
from apps.organizations.models import ApiKey
from apps.organizations.web.access import ADMINISTRATORS, Access, choose_organization, page_url, portal_page
from apps.organizations.web.forms import InvitationForm, KeyForm, MemberForm
from apps.organizations.web.paging import cut_page, read_before
from apps.platform import clock

_AUDIT_PAGE = 50


@portal_page()
def team(request: HttpRequest, access: Access) -> HttpResponse:
    """List the people; administrators invite."""
    may_change = access.may(ADMINISTRATORS)
    form, link = InvitationForm(request.POST or None, initial={"role": "analyst", "team": "product"}), None
    if request.method == "POST":
        access.require(ADMINISTRATORS)
        if form.is_valid():
            try:
                made = services.invite(
                    organization=access.organization, **form.cleaned_data, at=clock.wall(), actor=access.actor,
                    actor_role=access.role,
                )  # fmt: skip
            except services.PeopleError as error:
                form.add_error(None, str(error))
            else:
                link = f"{settings.SITE_URL}{reverse('invitation', args=[made.token])}"
                form = InvitationForm(initial={"role": "analyst", "team": "product"})
    every = selectors.members_of(organization_id=access.organization.id)
    asks = access.organization.require_mfa
    safe = selectors.with_second_factor([each.user_id for each in every]) if asks else set()
    members = [
        {
            "lacks_factor": asks and each.user_id not in safe,
            "email": each.user.email,
            "role": each.role,
            "team": each.team,
            "joined_at": each.created_at,
            "is_self": each.user_id == request.user.pk,
            "form": MemberForm(initial={"role": each.role, "team": each.team}, auto_id=f"member-{each.id}-%s")
            if may_change
            else None,
            "update_url": reverse("change_member", args=[each.id]),
            "remove_url": reverse("remove_member", args=[each.id])
            if may_change and each.user_id != request.user.pk
            else None,
        }
        for each in every
    ]
    invitations = [
        {
            "email": each.email,
            "role": each.role,
            "sent_at": each.created_at,
            "expires_at": each.expires_at,
            "revoke_url": reverse("revoke_invitation", args=[each.id]) if may_change else None,
            "resend_url": None,
        }
        for each in selectors.invitations_of(organization_id=access.organization.id, at=clock.wall())
    ]
    context = {
        "members": members,
        "invitations": invitations,
        "form": form if may_change else None,
        "invite_url": reverse("team"),
        "link": link,
    }
    return TemplateResponse(request, "portal/team.html", context, status=422 if form.errors else 200)


@require_POST
@portal_page(ADMINISTRATORS)
def change_member(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    """Give a member another role or team."""
    form = MemberForm(request.POST)
    if not form.is_valid():
        raise BadRequest("The role or the team is missing.")
    try:
        services.change_member(
            organization_id=access.organization.id, member_id=member_id, **form.cleaned_data, at=clock.wall(),
            actor=access.actor, actor_role=access.role,
        )  # fmt: skip
    except services.NoSuchMember as error:
        raise Http404(str(error)) from error
    except services.PeopleError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Changed.")
    return redirect("team")


@require_POST
@portal_page(ADMINISTRATORS)
def remove_member(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    """Take a person out of the organization."""
    try:
        services.remove_member(
            organization_id=access.organization.id, member_id=member_id, at=clock.wall(), actor=access.actor,
            actor_role=access.role,
        )  # fmt: skip
    except services.NoSuchMember as error:
        raise Http404(str(error)) from error
    except services.PeopleError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Removed.")
    return redirect("team")


@require_POST
@portal_page(ADMINISTRATORS)
def revoke_invitation(request: HttpRequest, access: Access, invitation_id: int) -> HttpResponse:
    """Close an open invitation."""
    if not services.revoke_invitation(
        organization_id=access.organization.id, invitation_id=invitation_id, at=clock.wall(), actor=access.actor
    ):
        raise Http404("There is no such open invitation.")
    messages.success(request, "The invitation is closed.")
    return redirect("team")


@never_cache
@login_required
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation to who holds its link; accept it by POST."""
    found = selectors.find_invitation(token, clock.wall())
    if found is None:
        raise Http404("This invitation is no longer open; ask for another.")
    if request.method == "POST":
        try:
            joined = services.accept_invitation(invitation=found, user=request.user, at=clock.wall())  # type: ignore[arg-type]
        except services.PeopleError as error:
            messages.error(request, str(error))
        else:
            choose_organization(request, joined.organization)
            return redirect("home")
    context = {
        "title": f"Join {found.organization.name}",
        "lede": f"{found.invited_by} invites {found.email} as {found.role}.",
        "form": None,
        "action": reverse("invitation", args=[token]),
        "submit": "Join",
        "back_url": reverse("organizations"),
    }
    return TemplateResponse(request, "portal/form_page.html", context)


@portal_page(ADMINISTRATORS)
def keys(request: HttpRequest, access: Access) -> HttpResponse:
    """List keys; make one, shown this once."""
    choices = [(each.slug, each.name) for each in selectors.list_applications()]
    form, created = KeyForm(request.POST or None, applications=choices), None
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        application = selectors.find_application(asked["application"]) if asked["application"] else None
        made = services.create_key(
            organization_id=access.organization.id,
            application_id=application.id if application else None,
            scopes=asked["scopes"],
            name=asked["name"],
            expires_at=clock.wall() + timedelta(days=asked["days"]) if asked["days"] else None,
            at=clock.wall(),
            actor=access.actor,
        )
        created = {"key": made.secret, "name": made.row.name or str(made.row)}
        form = KeyForm(applications=choices)
    return _keys_page(request, access, form, created)


@require_POST
@portal_page(ADMINISTRATORS)
def rotate_key(request: HttpRequest, access: Access, prefix: str) -> HttpResponse:
    """Make a key's successor; the old one works for one more day."""
    made = services.rotate_key(
        organization_id=access.organization.id, prefix=prefix, at=clock.wall(), actor=access.actor
    )
    if made is None:
        raise Http404("There is no such live key.")
    choices = [(each.slug, each.name) for each in selectors.list_applications()]
    created = {"key": made.secret, "name": made.row.name or str(made.row)}
    return _keys_page(request, access, KeyForm(applications=choices), created)


@require_POST
@portal_page(ADMINISTRATORS)
def revoke_key(request: HttpRequest, access: Access, prefix: str) -> HttpResponse:
    """Revoke a key from this moment on."""
    if not services.revoke_key(
        organization_id=access.organization.id, prefix=prefix, at=clock.wall(), actor=access.actor
    ):
        raise Http404("There is no such live key.")
    messages.success(request, "The key is revoked. Whoever still uses it hears 401.")
    return redirect("keys")


def _keys_page(request: HttpRequest, access: Access, form: KeyForm, created: dict[str, str] | None) -> HttpResponse:
    names = {each.id: each.name for each in selectors.list_applications()}
    at = clock.wall()
    rows = [
        {
            "prefix": str(each),
            "name": each.name,
            "scopes": each.scopes,
            "application": names.get(each.application_id or 0),
            "created_at": each.created_at,
            "last_used_at": each.last_used_at,
            "expires_at": each.expires_at,
            "state": _state(each, at),
            "revoke_url": reverse("revoke_key", args=[each.prefix]),
            "rotate_url": reverse("rotate_key", args=[each.prefix]),
        }
        for each in selectors.keys_of(organization_id=access.organization.id)
    ]
    code = curl(created["key"], access) if created else None
    context = {
        "keys": rows, "form": form, "create_url": page_url("keys", access), "created": created, "code": code,
        "arrives_url": page_url("start", access),
    }  # fmt: skip
    return TemplateResponse(request, "portal/keys.html", context, status=422 if form.errors else 200)


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _state(key: ApiKey, at: Any) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= at else "active"


def first_log(access: Access) -> tuple[str, ApiKey | None]:
    """Return the command that pushes a first conversation, and the organization's key whose prefix it holds, if any."""
    keys = selectors.pushing_keys(
        organization_id=access.organization.id, application_id=access.application_id, at=clock.wall()
    )
    key = keys.order_by("-id").first()
    return curl(f"fw_live_{key.prefix}_…" if key else "fw_live_…", access), key


def curl(key: str, access: Access) -> str:
    """Return the command that pushes a first conversation, of this moment, with this key."""
    application = access.application or next(iter(selectors.list_applications()), None)
    slug = application.slug if application else "support"
    turns = (("user", "Where is my order?", 60), ("assistant", "It arrives on Friday.", 55))
    lines = [
        json.dumps(
            {"session_id": "s1", "role": role, "message": message,
             "timestamp": f"{access.now.astimezone(UTC) - timedelta(seconds=ago):%Y-%m-%dT%H:%M:%SZ}"}
        )
        for role, message, ago in turns
    ]  # fmt: skip
    return "\n".join(
        [
            f"curl '{settings.SITE_URL}/api/v1/logs?application={slug}' \\",
            f"  -H 'Authorization: Bearer {key}' \\",
            "  -H 'Content-Type: application/x-ndjson' --data-binary @- <<'LOG'",
            *lines,
            "LOG",
        ]
    )


@require_safe
@portal_page(ADMINISTRATORS)
def audit(request: HttpRequest, access: Access) -> HttpResponse:
    """Show who did what, newest first."""
    before = read_before(request)
    actor, action = request.GET.get("actor", ""), request.GET.get("action", "")
    rows = selectors.list_audit(
        organization_id=access.organization.id, before=before, limit=_AUDIT_PAGE + 1,
        actor=actor, action=action,
    )  # fmt: skip
    page, pager = cut_page(rows, _AUDIT_PAGE, "audit", access, before=before, actor=actor, action=action)
    context = {
        "rows": [
            {"at": each.at, "actor": each.actor, "action": each.action, "subject": each.subject,
             "detail": [(key, _words(value)) for key, value in each.detail.items()]}
            for each in page
        ],
        "page": pager,
        "csv_url": None,
        "filters": {"actor": actor, "action": action},
        "actions": sorted({each.action for each in page}),
    }  # fmt: skip
    return TemplateResponse(request, "portal/audit.html", context)
