"""Reads of what applications share. Call inside tenant(...)."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from apps.library.models import Adoption, LibraryEntry


def find_entry(public_id: str) -> LibraryEntry | None:
    """Return the entry of this id with its version, prompt and adoptions."""
    return _entries().filter(public_id=public_id).first()


def list_entries(*, before: int | None, limit: int, tag: str = "") -> list[LibraryEntry]:
    """Return a page of what is offered, newest first, each with its version, prompt and adoptions."""
    rows = _entries().filter(withdrawn_at=None)
    if tag:
        rows = rows.filter(tags__contains=[tag])
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def _entries() -> QuerySet[LibraryEntry]:
    adoptions = Adoption.objects.select_related("application", "version__prompt").order_by("id")
    return LibraryEntry.objects.select_related("version__prompt").prefetch_related(
        Prefetch("adoptions", queryset=adoptions)
    )
