"""Tenancy: tenant rows are touched only inside ``tenant(organization_id)``.

The block opens a transaction and tells PostgreSQL which organization it serves; row security does the rest. The
default manager of every tenant model adds the same filter and refuses to work outside a block, so a forgotten filter
is an error here and an empty result there, never somebody else's row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import connection, models, transaction

_current: ContextVar[int | None] = ContextVar("flywheel_organization", default=None)


class TenantRequired(RuntimeError):
    """Tenant rows were asked for outside ``tenant(...)``."""


def current_organization_id() -> int:
    """Return the organization of the enclosing block. Raises TenantRequired outside one."""
    organization_id = _current.get()
    if organization_id is None:
        raise TenantRequired("this code touches tenant rows outside tenant(organization_id)")
    return organization_id


def _announce(organization_id: int | None) -> None:
    with connection.cursor() as cursor:
        value = "" if organization_id is None else str(organization_id)
        cursor.execute("SELECT set_config('flywheel.organization', %s, true)", [value])


@contextmanager
def tenant(organization_id: int) -> Iterator[None]:
    """Serve one organization in one transaction; any exception rolls it back.

    Nested inside another block it restores the outer organization on the way out.
    """
    outer = _current.get()
    with transaction.atomic():
        _announce(organization_id)
        token = _current.set(organization_id)
        try:
            yield
        finally:
            _current.reset(token)
        # On an exception the savepoint's rollback restores the setting by itself; on success nobody else would.
        _announce(outer)


Row = TypeVar("Row", bound=models.Model)


class TenantManager(models.Manager[Row]):
    """The fail-closed default: only rows of the current organization, and an error where there is none."""

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().filter(organization_id=current_organization_id())


class TenantModel(models.Model):
    """Base of every row that belongs to one organization. Its migration calls ``protect`` (see rowsecurity)."""

    organization = models.ForeignKey("organizations.Organization", on_delete=models.CASCADE, related_name="+")

    objects: TenantManager[Any] = TenantManager()

    class Meta:
        abstract = True
