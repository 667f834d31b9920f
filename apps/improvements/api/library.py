"""What the organization's applications share: entries with their measured effects, and adopting one."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.experiments.domain.measures import MEASURES
from apps.experiments.selectors.effects import Effect, effects_of
from apps.improvements.services.adopting import adopt
from apps.library import selectors as library
from apps.library.domain.prompts import BadPrompt
from apps.library.models import LibraryEntry
from apps.library.selectors.entries import find_entry, list_entries
from apps.library.services import sharing
from apps.organizations.api.views import OrganizationView
from apps.platform import clock
from apps.platform.api.bodies import read_object, read_text
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem

PAGE = 50
DEFAULT_METRIC = "avg_quality_score"


class EntriesView(OrganizationView):
    """What is shared."""

    scopes: ClassVar[dict[str, str]] = {"GET": "prompts", "POST": "prompts"}

    @extend_schema(
        operation_id="listLibraryEntries",
        parameters=[OpenApiParameter("tag", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List entries, newest first, each with where it comes from, who adopted it, and what it did where."""
        tag = request.query_params.get("tag", "").replace("\x00", "")
        found = list_entries(before=read_place(request), limit=PAGE + 1, tag=tag)
        page, following = cut_page(request, found, size=PAGE, key=lambda entry: [entry.id])
        effects = effects_of(page)
        return Response({"results": [show(entry, effects[entry.id]) for entry in page], "next": following})

    @extend_schema(operation_id="shareVersion", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Share a version of a prompt. Sharing it again answers 200 with its entry."""
        body = read_object(request, "bad_entry")
        prompt, number = library.find_prompt(_text(body, "prompt")), body.get("version")
        known = isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**31
        version = library.find_version(prompt, int(number)) if prompt and number and known else None
        if version is None:
            raise Problem(422, "bad_entry", "prompt and version name a version of a prompt of the library.")
        metric = _text(body, "metric") or DEFAULT_METRIC
        if metric not in MEASURES:
            raise Problem(422, "bad_entry", f"metric is among {', '.join(sorted(MEASURES))}.")
        tags = body.get("tags", [])
        if not isinstance(tags, list) or not all(isinstance(tag, str) and "\x00" not in tag for tag in tags):
            raise Problem(422, "bad_entry", "tags is a list of texts.")
        try:
            entry, made = sharing.share(
                version=version, metric=metric, title=_text(body, "title"), description=_text(body, "description"),
                tags=tags, at=clock.now(self.principal.organization), actor=self.principal.name,
            )  # fmt: skip
        except BadPrompt as error:
            raise Problem(422, "bad_entry", str(error)) from error
        found = _find(entry.public_id)
        return Response(show(found, effects_of([found])[found.id]), status=201 if made else 200)


class EntryView(OrganizationView):
    """One entry."""

    scopes: ClassVar[dict[str, str]] = {"GET": "prompts", "DELETE": "prompts"}

    @extend_schema(operation_id="readLibraryEntry", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, entry_id: str) -> Response:
        """Return the entry with what it says, its adoptions and measured effects."""
        entry = _find(entry_id)
        return Response(show(entry, effects_of([entry])[entry.id]) | {"content": entry.version.content})

    @extend_schema(operation_id="withdrawLibraryEntry", responses={204: None})
    def delete(self, request: Request, entry_id: str) -> Response:
        """Offer it no longer; who adopted it keeps it."""
        sharing.withdraw(entry=_find(entry_id), at=clock.now(self.principal.organization), actor=self.principal.name)
        return Response(status=204)


class AdoptView(OrganizationView):
    """Takes an entry over into an application."""

    scopes: ClassVar[dict[str, str]] = {"POST": "prompts"}

    @extend_schema(operation_id="adoptLibraryEntry", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request, entry_id: str) -> Response:
        """Adopt it for ``application``: its ``prompt`` gets the version, and a proposal opens a new measurement."""
        body, entry = read_object(request, "bad_entry"), _find(entry_id)
        application = self.application(_text(body, "application") or None)
        if application is None:
            raise Problem(422, "no_application", "Name the application that adopts it.")
        try:
            adopted = adopt(
                entry=entry, application=application, prompt_name=_text(body, "prompt"),
                at=clock.now(self.principal.organization), actor=self.principal.name,
            )  # fmt: skip
        except BadPrompt as error:
            raise Problem(422, "bad_prompt", str(error)) from error
        except ValueError as error:
            raise Problem(409, "cannot_adopt", str(error)) from error
        version, improvement = adopted.adoption.version, adopted.improvement
        told = {
            "entry": entry.public_id,
            "application": application.slug,
            "prompt": version.prompt.name,
            "version": version.number,
            "improvement": improvement.public_id if improvement else None,
            "adopted_at": adopted.adoption.adopted_at,
        }
        return Response(told, status=201 if adopted.is_new else 200)


def show(entry: LibraryEntry, effects: list[Effect]) -> dict[str, Any]:
    """Return an entry as lists show it."""
    version = entry.version
    return {
        "id": entry.public_id,
        "kind": "prompt",
        "title": entry.title,
        "description": entry.description,
        "tags": entry.tags,
        "metric": entry.metric,
        "origin": {"prompt": version.prompt.name, "version": version.number, "content_hash": version.content_hash},
        "shared_by": entry.shared_by,
        "shared_at": entry.shared_at,
        "withdrawn_at": entry.withdrawn_at,
        "adoptions": [
            {
                "application": each.application.slug, "prompt": each.version.prompt.name,
                "version": each.version.number, "adopted_by": each.adopted_by, "adopted_at": each.adopted_at,
            }
            for each in entry.adoptions.all()
        ],
        "measured_effect": [
            {
                "experiment": each.experiment, "prompt": each.prompt, "version": each.version, "state": each.state,
                "metric": each.metric, "difference": each.difference,
                "interval": list(each.interval) if each.interval else None, "units": each.units, "grade": "A",
            }
            for each in effects
        ],
    }  # fmt: skip


def _find(entry_id: str) -> LibraryEntry:
    entry = find_entry(entry_id)
    if entry is None:
        raise Problem(404, "not_found", "There is no such entry in this organization.")
    return entry


def _text(body: dict[str, Any], field: str) -> str:
    return read_text(body, field, "bad_entry", longest=2_000)
