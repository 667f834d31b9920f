"""A view that has written and then fails, with 400, 422 or 500, on purpose or not, leaves nothing behind."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.response import Response

from apps.organizations import services
from apps.organizations.api.views import OrganizationView
from apps.organizations.models import Application, Organization
from apps.organizations.web.access import Access, portal_page
from apps.platform.api.problems import Problem
from apps.platform.tenancy import tenant
from tests.factories import AT, make_key, make_organization
from tests.portal.world import make_member

pytestmark = pytest.mark.django_db


def write(organization: Organization) -> None:
    services.ensure_application(organization_id=organization.id, slug="written", at=AT)


class Fault(RuntimeError):
    pass


def asked(organization: Organization, how: Any) -> Response:
    class Failing(OrganizationView):
        scopes: ClassVar[dict[str, str]] = {"POST": "admin"}

        def post(self, request: Request) -> Response:
            write(self.principal.organization)
            if isinstance(how, int):
                return Response({}, status=how)
            raise how

    request = RequestFactory().post("/", headers={"Authorization": f"Bearer {make_key(organization)}"})
    return Failing.as_view()(request)  # type: ignore[return-value]


def opened(organization: Organization, how: Any) -> HttpResponse:
    @portal_page()
    def page(request: HttpRequest, access: Access) -> HttpResponse:
        write(access.organization)
        if isinstance(how, int):
            return HttpResponse(status=how)
        raise how

    request = RequestFactory().post("/")
    request.user = make_member(organization, "owner")
    request.session = SessionStore()
    return page(request)  # type: ignore[return-value]


def is_written(organization: Organization) -> bool:
    with tenant(organization.id):
        return Application.objects.filter(slug="written").exists()


@pytest.mark.parametrize("ask", [asked, opened])
@pytest.mark.parametrize("status", [200, 302, 399])
def test_an_answer_that_is_no_error_keeps_what_was_written(ask: Any, status: int) -> None:
    organization = make_organization()

    assert ask(organization, status).status_code == status
    assert is_written(organization)


@pytest.mark.parametrize("ask", [asked, opened])
@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 500, 503])
def test_an_error_answer_keeps_nothing(ask: Any, status: int) -> None:
    organization = make_organization()

    assert ask(organization, status).status_code == status
    assert not is_written(organization)


def test_a_problem_of_the_api_keeps_nothing() -> None:
    organization = make_organization()

    assert asked(organization, Problem(422, "bad", "No.")).status_code == 422
    assert not is_written(organization)


@pytest.mark.parametrize("ask", [asked, opened])
def test_a_fault_of_ours_keeps_nothing(ask: Any) -> None:
    organization = make_organization()

    with pytest.raises(Fault):
        ask(organization, Fault())
    assert not is_written(organization)


@pytest.mark.parametrize("error", [Http404(), PermissionDenied()])
def test_a_page_that_is_not_there_or_not_allowed_after_all_keeps_nothing(error: Exception) -> None:
    organization = make_organization()

    with pytest.raises(type(error)):
        opened(organization, error)
    assert not is_written(organization)
