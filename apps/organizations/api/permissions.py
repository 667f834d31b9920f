"""Scopes: a view names the one it needs; a view that names none is refused."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.organizations.selectors import Principal
from apps.platform.api.problems import Problem


class HasScope(BasePermission):
    """Allows a key that has the view's ``scope`` for this method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, Principal):
            raise NotAuthenticated("Send an API key: Authorization: Bearer fw_live_…", "no_key")
        needed = view.scopes.get(request.method)
        if needed is None or needed not in request.user.scopes:
            raise Problem(403, "missing_scope", f"This key lacks the scope {needed!r}.", scope=needed)
        return True
