"""How people sign in, where it differs from allauth's own."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

# The unspecified address: the web server names no client, as behind a UNIX socket.
NOWHERE = "0.0.0.0"  # noqa: S104


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth's own, but a server that names no client's address shuts nobody out."""

    def get_client_ip(self, request: HttpRequest) -> str:
        try:
            return str(super().get_client_ip(request))
        except PermissionDenied:
            return NOWHERE
