"""Which language models Flywheel may ask for an organization, and what that may cost. Keys go in, and never out."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.organizations import selectors, services
from apps.organizations.api.views import OrganizationView
from apps.organizations.models import ModelEndpoint
from apps.organizations.services.endpoints import TOKENS_PER_DAY, TOKENS_PER_RUN
from apps.platform import clock
from apps.platform.api.problems import Problem

_APPLICATION = OpenApiParameter("application", str, description="None: for every application without its own.")


class _Given(msgspec.Struct, forbid_unknown_fields=True):
    base_url: str
    model: str
    api_key: str | None = None
    tokens_per_run: int = TOKENS_PER_RUN
    tokens_per_day: int = TOKENS_PER_DAY


class ModelsView(OrganizationView):
    """The organization's models."""

    scopes: ClassVar[dict[str, str]] = {"GET": "admin"}

    @extend_schema(operation_id="listModels", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """List models with what they have cost today, those for all applications first."""
        bound = self.principal.application_id
        spent = selectors.spent_on_models(clock.wall())
        found = [each for each in selectors.list_models() if bound in (None, each.application_id)]
        return Response({"results": [show(each, spent.get(each.id, 0)) for each in found], "next": None})


class ModelView(OrganizationView):
    """The model of one purpose: ``probes`` (the application's own, as its users meet it) or ``drafts``."""

    scopes: ClassVar[dict[str, str]] = {"PUT": "admin", "DELETE": "admin"}

    @extend_schema(
        operation_id="setModel", parameters=[_APPLICATION], request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT},
    )  # fmt: skip
    def put(self, request: Request, purpose: str) -> Response:
        """Set it. Without ``api_key`` the one that is there stays, as long as the address does."""
        application = self.application(request.query_params.get("application") or None)
        try:
            given = msgspec.convert(request.data, _Given)
        except msgspec.ValidationError as error:
            raise Problem(422, "bad_model", str(error)) from error
        try:
            saved = services.save_endpoint(
                organization_id=self.principal.organization.id, application=application, purpose=purpose,
                given=services.EndpointValues(**msgspec.structs.asdict(given)), at=clock.wall(),
                actor=self.principal.name,
            )  # fmt: skip
        except services.BadEndpoint as error:
            raise Problem(422, "bad_model", f"{error.field}: {error}") from error
        return Response(show(saved, selectors.spent_on_models(clock.wall()).get(saved.id, 0)))

    @extend_schema(operation_id="removeModel", parameters=[_APPLICATION], responses={204: None})
    def delete(self, request: Request, purpose: str) -> Response:
        """Forget it and its key."""
        application = self.application(request.query_params.get("application") or None)
        if not services.remove_endpoint(
            organization_id=self.principal.organization.id, application=application, purpose=purpose, at=clock.wall(),
            actor=self.principal.name,
        ):  # fmt: skip
            raise Problem(404, "not_found", "There is no such model in this organization.")
        return Response(status=204)


def show(endpoint: ModelEndpoint, spent: int) -> dict[str, Any]:
    """Return a model as the API shows it: of its key, only whether there is one."""
    return {
        "purpose": endpoint.purpose,
        "application": endpoint.application.slug if endpoint.application else None,
        "base_url": endpoint.base_url,
        "model": endpoint.model,
        "has_key": bool(endpoint.api_key),
        "tokens_per_run": endpoint.tokens_per_run,
        "tokens_per_day": endpoint.tokens_per_day,
        "tokens_today": spent,
        "rests_until": endpoint.broken_until,
        "saved_by": endpoint.saved_by,
        "saved_at": endpoint.saved_at,
    }
