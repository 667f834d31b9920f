"""The base of every REST view, and the endpoints of applications and of the sandbox clock."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, TypeVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.organizations import selectors, services
from apps.organizations.domain.profile import ProfileError, check_profile
from apps.organizations.models import Application
from apps.organizations.selectors import Principal
from apps.platform import clock
from apps.platform.api.bodies import read_time
from apps.platform.api.problems import Problem
from apps.platform.api.ratelimit import take_token
from apps.platform.tenancy import tenant


class RefusedAnswer(Exception):
    """Carries an error answer out of the tenant block, so that it rolls back what the view wrote."""

    def __init__(self, response: Response) -> None:
        self.response = response


class OfOneApplication(Protocol):
    """A row that belongs to an application."""

    application_id: int


Row = TypeVar("Row", bound=OfOneApplication)


class OrganizationView(APIView):
    """A REST view of the key's organization: it runs in ``tenant(...)``, and any error answer rolls back.

    ``scopes`` maps methods to the scope they need. A view that manages its own transactions (it reads a body from the
    network, say) sets ``in_tenant = False``.
    """

    scopes: ClassVar[dict[str, str]] = {}
    rate_class: ClassVar[str] = "read"
    in_tenant: ClassVar[bool] = True

    @property
    def principal(self) -> Principal:
        user = self.request.user
        assert isinstance(user, Principal)
        return user

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        organization = self.principal.organization
        take_token(organization.id, self.principal.key_prefix, self.rate_class, share=organization.rate_share)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        name = (request.method or "").lower()
        handler = getattr(type(self), name, None)
        if handler is None or not self.in_tenant or name == "options":
            return super().dispatch(request, *args, **kwargs)

        def run_in_tenant(rest_request: Request, *view_args: Any, **view_kwargs: Any) -> Response:
            try:
                with tenant(self.principal.organization.id):
                    response: Response = handler(self, rest_request, *view_args, **view_kwargs)
                    if response.status_code >= 400:
                        raise RefusedAnswer(response)
                    return response
            except RefusedAnswer as refused:
                return refused.response

        # DRF looks the handler up after authentication: that is the place to enter the organization.
        setattr(self, name, run_in_tenant)
        return super().dispatch(request, *args, **kwargs)

    def own(self, row: Row | None, what: str) -> Row:
        """Return the row. 404 where there is none, and for another application than the one the key is bound to."""
        bound = self.principal.application_id
        if row is None or (bound is not None and row.application_id != bound):
            raise Problem(404, "not_found", f"There is no such {what} in this organization.")
        return row

    def whole_organization(self, what: str) -> None:
        """Raise a 403 problem for a key of one application; ``what`` (Webhooks) belongs to the organization."""
        if self.principal.application_id is not None:
            raise Problem(403, "bound_key", f"{what} belong to the organization; this key belongs to one application.")

    def application(self, slug: str | None, *, make: bool = False) -> Application | None:
        """Return the application this call is about: the key's own, or the one named. 404 for a foreign one.

        ``make`` lets a key of the whole organization bring a new application into being by naming it.
        """
        bound = self.principal.application_id
        if bound is not None:
            application: Application | None = Application.objects.filter(id=bound).first()
            if application is None or (slug and slug != application.slug):
                raise Problem(404, "not_found", "There is no such application for this key.")
            return application
        if not slug:
            return None
        application = selectors.find_application(slug)
        if application is None and make:
            if not _is_slug(slug):
                raise Problem(422, "bad_application", "An application is named by letters, digits, - and _.")
            organization = self.principal.organization
            return services.ensure_application(organization_id=organization.id, slug=slug, at=clock.now(organization))
        if application is None:
            raise Problem(404, "not_found", "There is no such application in this organization.")
        return application


def _is_slug(text: str) -> bool:
    return 0 < len(text) <= 100 and all(c.isascii() and (c.isalnum() or c in "-_") for c in text)


class ProfileView(OrganizationView):
    """What an organization tells us about one application."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read", "PUT": "admin"}

    @extend_schema(responses={200: OpenApiTypes.OBJECT}, operation_id="readProfile")
    def get(self, request: Request, slug: str) -> Response:
        """Return the application's profile."""
        application = self.application(slug)
        assert application is not None
        return Response(application.profile)

    @extend_schema(request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT}, operation_id="saveProfile")
    def put(self, request: Request, slug: str) -> Response:
        """Replace the application's profile, making the application if it is new."""
        application = self.application(slug, make=True)
        assert application is not None
        try:
            profile = check_profile(request.data)
        except ProfileError as error:
            raise Problem(422, "bad_profile", str(error)) from error
        services.save_profile(
            application=application,
            profile=profile,
            at=clock.now(self.principal.organization),
            actor=self.principal.name,
        )
        return Response(profile)


class SandboxClockView(OrganizationView):
    """The clock of a sandbox organization. A real organization has none: 404."""

    scopes: ClassVar[dict[str, str]] = {"POST": "admin"}

    @extend_schema(request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT}, operation_id="moveClock")
    def post(self, request: Request) -> Response:
        """Move the clock forward to ``at``."""
        organization = self.principal.organization
        if not organization.sandbox:
            raise Problem(404, "not_found", "Only a sandbox organization has a clock of its own.")
        to = read_time(request.data.get("at") if isinstance(request.data, dict) else None, "at")
        try:
            moved = services.move_clock(
                organization_id=organization.id, to=to, actor=self.principal.name, at=clock.wall()
            )
        except ValueError as error:
            raise Problem(422, "clock_moves_forward", str(error)) from error
        return Response({"at": moved.clock_at})
