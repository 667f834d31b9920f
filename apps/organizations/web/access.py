"""Who may see which page: a signed-in person, in one organization, with a role, read anew on every request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property, wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import get_script_prefix, reverse
from django.views.decorators.cache import never_cache

from apps.organizations import selectors
from apps.organizations.models import Application, Membership, Organization
from apps.platform import clock
from apps.platform.answers import Refused, rendered
from apps.platform.tenancy import tenant

ORGANIZATION_KEY = "organization_id"
EVERYONE = frozenset(Membership.Role.values)
# Who may read what people said: transcripts, evidence, rejected lines, files of them. The others see figures.
READERS = EVERYONE - {Membership.Role.AGGREGATES}
# Who may change what: keys, people and profiles; uploads and runs.
OWNERS = frozenset({Membership.Role.OWNER})
ADMINISTRATORS = frozenset({Membership.Role.OWNER, Membership.Role.ADMIN})
WORKERS = ADMINISTRATORS | {Membership.Role.ANALYST}


@dataclass(frozen=True)
class Access:
    """A person in an organization, and the application the page is about (None: all)."""

    membership: Membership
    memberships: tuple[Membership, ...]
    application: Application | None
    # Those of the organization, where they were read to find the one named.
    read: tuple[Application, ...] | None = None

    @property
    def organization(self) -> Organization:
        """The organization the person looks at; ``memberships`` are those they could."""
        return self.membership.organization

    @property
    def role(self) -> str:
        """The person's role."""
        return str(self.membership.role)

    @property
    def application_id(self) -> int | None:
        """The id of the application the page is about."""
        return self.application.id if self.application else None

    @property
    def actor(self) -> str:
        """The name the audit trail knows the person by."""
        return str(self.membership.user.email)

    @cached_property
    def applications(self) -> list[Application]:
        """The organization's applications by name, 200 at most, read once for a page."""
        return selectors.list_applications() if self.read is None else list(self.read)

    @property
    def now(self) -> datetime:
        """The organization's time."""
        return clock.now(self.organization)

    def may(self, roles: frozenset[str]) -> bool:
        """Whether the person's role is one of these."""
        return self.role in roles

    def require(self, roles: frozenset[str]) -> None:
        """Raise PermissionDenied unless the person's role is one of these."""
        if not self.may(roles):
            raise PermissionDenied


View = Callable[..., HttpResponseBase]
_FIGURES_ONLY = "Your role shows figures, not what people said. An owner or an administrator can change it."


def portal_page(roles: frozenset[str] = EVERYONE, *, in_tenant: bool = True) -> Callable[[View], View]:
    """Make a view of ``(request, access, …)`` a page of the portal.

    Signed out: to sign-in. Member of nothing: to the choice of organizations. Without the second factor that the
    organization asks for: to where it is set up. Wrong role: 403. The view and its
    template run in one ``tenant(...)``; an error answer rolls back what it wrote. ``?application=`` names one of the
    organization's applications; any other name is 404. A view that takes long without touching rows (an upload) sets
    ``in_tenant=False`` and enters by itself.
    """

    def decorate(view: View) -> View:
        @never_cache
        @login_required
        @wraps(view)
        def page(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
            memberships = tuple(selectors.memberships_of(user_id=request.user.pk or 0))
            membership = _current(request, memberships)
            if membership is None:
                return redirect("organizations")
            if membership.organization.require_mfa and not selectors.has_second_factor(membership.user_id):
                return _led_to_second_factor(request, membership.organization)
            if membership.role not in roles:
                raise PermissionDenied(_FIGURES_ONLY if roles == READERS else "")
            try:
                with tenant(membership.organization_id):
                    access = Access(membership, memberships, *_applications(request.GET.get("application")))
                    request.access = access  # type: ignore[attr-defined]
                    if in_tenant:
                        return rendered(view(request, access, **arguments))
                return view(request, access, **arguments)
            except Refused as refused:
                return refused.response
            finally:
                # Error pages render after the block: their frame must not ask for the tenant's rows.
                request.access = None  # type: ignore[attr-defined]

        return page

    return decorate


def _applications(slug: str | None) -> tuple[Application | None, tuple[Application, ...] | None]:
    """Return the application named and all that were read to find it: the frame of the page shows them, too.

    Raises Http404 for one that is not here.
    """
    if not slug:
        return None, None
    read = tuple(selectors.list_applications())
    found = next((each for each in read if each.slug == slug), None)
    return found or selectors.named_application(slug), read


def _led_to_second_factor(request: HttpRequest, organization: Organization) -> HttpResponseBase:
    """Lead to where a second factor is set up; a part of a page that is loaded alone leads the whole page there."""
    address = reverse("mfa_index")
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    messages.info(request, f"{organization.name} asks for two-factor sign-in. Set it up here to go on.")
    return redirect(address)


def _current(request: HttpRequest, memberships: tuple[Membership, ...]) -> Membership | None:
    """Return the membership in the organization last chosen, at first the one joined last.

    None for a person in no organization. Raises PermissionDenied when the one chosen has removed them.
    """
    chosen = request.session.get(ORGANIZATION_KEY)
    if chosen is not None:
        found = next((each for each in memberships if each.organization_id == chosen), None)
        if found is None:
            del request.session[ORGANIZATION_KEY]
            raise PermissionDenied
        return found
    if not memberships:
        return None
    choose_organization(request, memberships[-1].organization)
    return memberships[-1]


def choose_organization(request: HttpRequest, organization: Organization) -> None:
    """Remember which organization the person looks at."""
    request.session[ORGANIZATION_KEY] = organization.id


def forget_choice(request: HttpRequest) -> None:
    """Have the person look at another of their organizations, or choose one, on the next page."""
    request.session.pop(ORGANIZATION_KEY, None)


def rows_url(name: str, access: Access, /, *arguments: Any, **query: Any) -> str:
    """Return the address of a page of what people said, empty for who sees figures only: it would answer 403."""
    return page_url(name, access, *arguments, **query) if access.may(READERS) else ""


def page_url(name: str, access: Access, /, *arguments: Any, **query: Any) -> str:
    """Return the address of a page, keeping the application; None and empty values are left out."""
    if access.application is not None:
        query.setdefault("application", access.application.slug)
    asked = {key: value for key, value in query.items() if value not in (None, "")}
    path = reverse(name, args=arguments) if arguments else path_of(name)
    return path + (f"?{urlencode(asked)}" if asked else "")


def path_of(name: str) -> str:
    """Return the path of a page that takes no arguments: the same for as long as the process runs."""
    return _path(name, get_script_prefix())


@cache
def _path(name: str, _prefix: str) -> str:
    return reverse(name)
