"""The endpoint of an organization's redaction policy."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.ingestion.services import policies
from apps.organizations.api.views import OrganizationView
from apps.platform import clock
from apps.platform.api.problems import Problem


class RedactionPolicyView(OrganizationView):
    """What becomes of personal data before anything is stored."""

    scopes: ClassVar[dict[str, str]] = {"GET": "admin", "PUT": "admin"}

    @extend_schema(operation_id="readRedactionPolicy", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Return the organization's policy."""
        return Response({"policy": self.principal.organization.redaction})

    @extend_schema(
        operation_id="saveRedactionPolicy", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT}
    )
    def put(self, request: Request) -> Response:
        """Change it, ``{"policy": "mask"|"drop"|"off"}``, for what is captured from now on."""
        organization = self.principal.organization
        if self.principal.application_id is not None:
            raise Problem(403, "bound_key", "The policy holds for the whole organization; this key does not.")
        policy = request.data.get("policy") if isinstance(request.data, dict) else None
        try:
            policies.set_redaction(
                organization_id=organization.id,
                policy=policy if isinstance(policy, str) else "",
                at=clock.now(organization),
                actor=self.principal.name,
            )
        except policies.UnknownPolicy as error:
            raise Problem(422, "bad_policy", str(error)) from error
        return Response({"policy": policy})
