"""Reads of response templates. Call inside tenant(...)."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from apps.library.models import ResponseTemplate


@dataclass(frozen=True)
class Wanted:
    """Which templates; empty values do not filter. ``words`` stand in name or text."""

    application_id: int | None = None
    status: str = ""
    tag: str = ""
    name: str = ""
    words: str = ""

    def condition(self) -> Q:
        """Return the filter on ResponseTemplate."""
        found = Q()
        if self.application_id is not None:
            found &= Q(application_id=self.application_id)
        if self.status:
            found &= Q(status=self.status)
        if self.tag:
            found &= Q(tags__contains=[self.tag])
        if self.name:
            found &= Q(name=self.name)
        if self.words:
            found &= Q(name__icontains=self.words) | Q(text__icontains=self.words)
        return found


def list_templates(wanted: Wanted, *, before: int | None, limit: int) -> list[ResponseTemplate]:
    """Return a page of templates, newest first, each with its application."""
    rows = ResponseTemplate.objects.select_related("application").filter(wanted.condition())
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def find_template(public_id: str) -> ResponseTemplate | None:
    """Return the template of this id, with its application."""
    found: ResponseTemplate | None = (
        ResponseTemplate.objects.select_related("application").filter(public_id=public_id).first()
    )
    return found


def count_templates(application_id: int | None) -> dict[str, int]:
    """Return how many there are of each status."""
    rows = ResponseTemplate.objects.filter(Wanted(application_id=application_id).condition())
    counted = dict(rows.values_list("status").annotate(number=Count("id")))
    return {status: counted.get(status, 0) for status in ResponseTemplate.Status.values}
