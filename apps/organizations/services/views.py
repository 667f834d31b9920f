"""Saved views: the filters of a list under a name, one's own or shared. Sharing is audited. Call inside tenant(...)."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from django.db import IntegrityError, transaction

from apps.organizations.models import Membership, SavedView
from apps.organizations.services.auditing import record_audit
from apps.platform.identifiers import new_identifier

# The lists whose filters can be kept, by the names of their addresses.
PAGES = frozenset({"conversations", "batches", "runs", "insights", "improvements", "experiments"})
LONGEST_NAME = 60
# Of one member.
MOST = 200
_LONGEST_QUERY = 2000
# Where in a list one is belongs to no view of it.
_PLACES = frozenset({"cursor", "before"})


class BadView(ValueError):
    """This cannot be kept; the message says why."""


def save_view(
    *, member: Membership, page: str, name: str, query: str, shared: bool, at: datetime, actor: str
) -> SavedView:
    """Keep a list's filters; under a name that the member uses there already, in its place. Raises BadView."""
    name, kept = _checked_name(name), _checked_query(query)
    if page not in PAGES:
        raise BadView("There is no such list.")
    own = SavedView.objects.filter(member=member)
    if own.count() >= MOST and not own.filter(page=page, name=name).exists():
        raise BadView(f"You have {MOST} views already: remove one first.")
    before = own.filter(page=page, name=name).values_list("shared", flat=True).first()
    view: SavedView
    view, _ = SavedView.objects.update_or_create(
        organization_id=member.organization_id, page=page, member=member, name=name,
        defaults={"query": kept, "shared": shared, "saved_at": at},
        create_defaults={"query": kept, "shared": shared, "saved_at": at, "public_id": new_identifier("f")},
    )  # fmt: skip
    if shared or before:
        _audit(view, "view.shared" if shared else "view.unshared", at=at, actor=actor)
    return view


def rename_view(*, view: SavedView, name: str, at: datetime, actor: str) -> None:
    """Give it another name. Raises BadView, also where the member uses that name there already."""
    before, view.name = view.name, _checked_name(name)
    if view.name == before:
        return
    try:
        with transaction.atomic():
            view.save(update_fields=["name"])
    except IntegrityError as error:
        raise BadView(f"There is a view named “{view.name}” here already.") from error
    if view.shared:
        _audit(view, "view.renamed", at=at, actor=actor, before=before)


def share_view(*, view: SavedView, shared: bool, at: datetime, actor: str) -> None:
    """Show it to the organization, or to its member alone again."""
    if view.shared == shared:
        return
    view.shared = shared
    view.save(update_fields=["shared"])
    _audit(view, "view.shared" if shared else "view.unshared", at=at, actor=actor)


def remove_view(*, view: SavedView, at: datetime, actor: str) -> None:
    """Let it go."""
    if view.shared:
        _audit(view, "view.removed", at=at, actor=actor)
    view.delete()


def _checked_name(name: str) -> str:
    found = " ".join(name.split())
    if not 1 <= len(found) <= LONGEST_NAME:
        raise BadView(f"A view has a name of at most {LONGEST_NAME} characters.")
    return found


def _checked_query(query: str) -> str:
    """Return the filters a query string holds, without places in the list and without empty ones."""
    if "\x00" in query:
        raise BadView("These filters hold a NUL.")
    try:
        pairs = parse_qsl(query, max_num_fields=50)
    except ValueError as error:
        raise BadView("These are too many filters to keep.") from error
    kept = urlencode([(name, value) for name, value in pairs if name not in _PLACES])
    if len(kept) > _LONGEST_QUERY:
        raise BadView("These filters are too long to keep.")
    return kept


def _audit(view: SavedView, action: str, *, at: datetime, actor: str, **detail: str) -> None:
    record_audit(
        organization_id=view.organization_id, at=at, actor=actor, action=action, subject=view.name, page=view.page,
        query=view.query, **detail,
    )  # fmt: skip
