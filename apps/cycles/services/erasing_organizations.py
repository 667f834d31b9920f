"""Erasing an organization: every row of every table that is its own, in pieces, until nothing names it.

Asked for, it is closed at once: its keys open nothing, nobody is in it, nothing more is done for it. What remains is
the platform's own record of it, which names no data and lets a restored backup be erased again. Accounts are their
people's and stay; files below the capture folder are the organization's own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction

from apps.experiments.services import exposing
from apps.ingestion.models import Conversation
from apps.organizations import selectors
from apps.organizations.models import ApiKey, Invitation, Membership, Organization, OrganizationErasure
from apps.platform import clock, work
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant

KIND = "cycles.erase_organization"
KEY = "all"
_AT_ONCE = 2_000
# Messages and assessments go with their conversation, by the database's own cascade.
_CONVERSATIONS_AT_ONCE = 200


@transaction.atomic
def ask_organization_erasure(*, organization: Organization, actor: str) -> OrganizationErasure:
    """Close an organization at once and have it erased; asked again, the same. Times are wall times."""
    at = clock.wall()
    record, _ = OrganizationErasure.objects.get_or_create(
        fingerprint=selectors.fingerprint_of(organization), defaults={"asked_by": actor, "asked_at": at}
    )
    ApiKey.objects.filter(organization=organization, revoked_at=None).update(revoked_at=at)
    Membership.objects.filter(organization=organization).delete()
    Invitation.objects.filter(organization=organization).delete()
    WorkItem.objects.filter(organization=organization).exclude(kind=KIND).delete()
    work.ask(KIND, organization_id=organization.id, key=KEY)
    return record


def erase_organization(*, organization_id: int, seconds: float | None = None) -> bool:
    """Erase rows for so many seconds (None: until the end); return whether all are gone. It goes on where it stood."""
    began, organization = time.monotonic(), Organization.objects.filter(id=organization_id).first()
    if organization is None:
        return True
    fingerprint = selectors.fingerprint_of(organization)
    for model in own_tables():
        while gone := _delete_some(model, organization_id):
            _count(fingerprint, {model._meta.db_table: gone})
            if seconds is not None and time.monotonic() - began > seconds:
                return False
    exposing.forget_stream(organization_id=organization_id)
    with tenant(organization_id):
        # The row itself last; what came meanwhile would keep it, by its foreign key, and the whole is tried again.
        for model in own_tables():
            while _delete_some(model, organization_id):
                pass
        WorkItem.objects.filter(organization_id=organization_id).delete()
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(Organization), object_id=str(organization_id)
        ).delete()
        rows = Organization.objects.filter(id=organization_id)
        rows._raw_delete(rows.db)
        OrganizationErasure.objects.filter(fingerprint=fingerprint).update(finished_at=clock.wall())
    return True


def list_organization_erasures() -> list[dict[str, Any]]:
    """Return finished erasures as ``erase_organizations_again`` takes them: fingerprints, no names."""
    return [
        {"erased_organization": each.fingerprint, "asked_by": each.asked_by, "asked_at": each.asked_at.isoformat()}
        for each in selectors.list_organization_erasures()
        if each.finished_at is not None
    ]


def erase_organizations_again(told: Iterable[Mapping[str, Any]]) -> int:
    """Erase those organizations of a restored database; return how many were there."""
    there = {selectors.fingerprint_of(each): each for each in selectors.list_organizations()}
    applied = 0
    for each in told:
        if (organization := there.get(str(each["erased_organization"]))) is not None:
            ask_organization_erasure(organization=organization, actor=str(each["asked_by"]))
            erase_organization(organization_id=organization.id)
            applied += 1
    return applied


@cache
def own_tables() -> tuple[type[models.Model], ...]:
    """Return the models whose rows are an organization's own, children before their parents.

    Messages are not among them, since they go with their conversations, nor work, which goes with the organization.
    """
    owned = [
        model
        for model in apps.get_models()
        if model is not WorkItem and model._meta.managed and _column_of_organization(model) is not None
    ]
    children: dict[type[models.Model], set[type[models.Model]]] = {model: set() for model in owned}
    for model in owned:
        for field in model._meta.local_fields:
            parent = field.related_model
            if isinstance(field, models.ForeignKey) and parent in children and parent is not model:
                children[parent].add(model)
    return tuple(TopologicalSorter(children).static_order())


def _column_of_organization(model: type[models.Model]) -> str | None:
    for field in model._meta.local_fields:
        if isinstance(field, models.ForeignKey) and field.related_model is Organization:
            return str(field.column)
    return None


def _delete_some(model: type[models.Model], organization_id: int) -> int:
    most = _CONVERSATIONS_AT_ONCE if model is Conversation else _AT_ONCE
    table, column = model._meta.db_table, _column_of_organization(model)
    with tenant(organization_id), connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {column} = %s LIMIT %s)",  # noqa: S608
            [organization_id, most],
        )
        return int(cursor.rowcount)


def _count(fingerprint: str, gone: Mapping[str, int]) -> None:
    with transaction.atomic():
        record = OrganizationErasure.objects.select_for_update().filter(fingerprint=fingerprint).first()
        if record is not None:
            record.counts = dict(Counter(record.counts) + Counter(gone))
            record.save(update_fields=["counts"])
