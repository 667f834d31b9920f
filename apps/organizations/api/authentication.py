"""API keys: ``Authorization: Bearer fw_…``, or Basic with the key as password (as OTLP and Langfuse clients send)."""

from __future__ import annotations

import base64
import binascii

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.organizations.selectors import Principal, find_principal
from apps.platform import clock


class ApiKeyAuthentication(BaseAuthentication):
    """Looks the key up on every request, so a revoked one stops at once."""

    def authenticate(self, request: Request) -> tuple[Principal, str] | None:
        """Return the caller, or None without credentials. Raises AuthenticationFailed for wrong ones."""
        header = request.headers.get("Authorization", "")
        if not header.partition(" ")[0]:
            return None
        principal = find_principal(read_secret(header), clock.wall())
        if principal is None:
            raise AuthenticationFailed("This API key is unknown, revoked or expired.", "bad_key")
        return principal, principal.key_prefix

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def read_secret(header: str) -> str:
    """Return the key in an Authorization header; empty for a scheme that is not ours."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        return _basic_password(value)
    return value.strip() if scheme.lower() == "bearer" else ""


def _basic_password(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How OpenAPI describes the key."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "fw_live_…"}
