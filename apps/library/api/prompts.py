"""Prompts, their versions and labels. Serving one by name, with its assignment, is experiments' work."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.library import selectors
from apps.library.domain.prompts import BadPrompt, variables
from apps.library.models import Prompt, PromptVersion
from apps.library.services import prompts as services
from apps.library.services.labelling import label_by_hand
from apps.organizations.api.views import OrganizationView
from apps.platform import clock
from apps.platform.api.bodies import read_object, read_text
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem

PAGE = 50
_BIGGEST_NUMBER = 2**31 - 1


class PromptsView(OrganizationView):
    """The organization's prompts."""

    scopes: ClassVar[dict[str, str]] = {"GET": "prompts", "POST": "prompts"}

    @extend_schema(operation_id="listPrompts", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """List prompts, newest first, with the version each label names."""
        found = selectors.list_prompts(after=read_place(request), limit=PAGE + 1)
        page, following = cut_page(request, found, size=PAGE, key=lambda prompt: [prompt.id])
        return Response({"results": [show_prompt(prompt) for prompt in page], "next": following})

    @extend_schema(operation_id="createPrompt", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Create a prompt with its version 1. Repeated as it was, it answers 200 and changes nothing."""
        body = read_object(request, "bad_prompt")
        try:
            version, made = services.create_prompt(
                organization_id=self.principal.organization.id,
                name=body.get("name"),
                kind=_word(body, "type", "text"),
                content=body.get("prompt"),
                config=body.get("config"),
                labels=body.get("labels"),
                description=_word(body, "description", ""),
                tags=_words(body, "tags"),
                owner=_word(body, "owner", ""),
                at=clock.now(self.principal.organization),
                actor=self.principal.name,
            )
        except BadPrompt as error:
            raise Problem(422, "bad_prompt", str(error)) from error
        except services.PromptExists as error:
            raise Problem(409, "prompt_exists", str(error)) from error
        return Response(show_version(version), status=201 if made else 200)


class PromptVersionsView(OrganizationView):
    """The versions of one prompt."""

    scopes: ClassVar[dict[str, str]] = {"GET": "prompts", "POST": "prompts"}

    @extend_schema(operation_id="listPromptVersions", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, name: str) -> Response:
        """List versions, newest first, with their labels."""
        prompt = _named(name)
        found = selectors.list_versions(prompt, before=read_place(request), limit=PAGE + 1)
        page, following = cut_page(request, found, size=PAGE, key=lambda version: [version.number])
        return Response({"results": [show_version(version, prompt=prompt) for version in page], "next": following})

    @extend_schema(operation_id="addPromptVersion", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request, name: str) -> Response:
        """Add a version. What the prompt has said before answers 200 with the version it was."""
        body, prompt = read_object(request, "bad_prompt"), _named(name)
        parent = body.get("parent")
        if parent is not None and not (isinstance(parent, int) and 1 <= parent <= _BIGGEST_NUMBER):
            raise Problem(422, "bad_prompt", "parent is the number of a version.")
        try:
            version, made = services.add_version(
                prompt=prompt, content=body.get("prompt"), config=body.get("config"), note=_word(body, "note", ""),
                parent=parent, at=clock.now(self.principal.organization), actor=self.principal.name,
            )  # fmt: skip
            waiting = label_by_hand(
                version=version, labels=body.get("labels") or [], at=clock.now(self.principal.organization),
                actor=self.principal.name,
            )  # fmt: skip
        except BadPrompt as error:
            raise Problem(422, "bad_prompt", str(error)) from error
        told = show_version(version)
        if waiting:
            told["waits_for_a_second_person"] = [each.label for each in waiting]
        return Response(told, status=201 if made else 200)


class PromptVersionView(OrganizationView):
    """One version of a prompt: what it says never changes, its labels do."""

    scopes: ClassVar[dict[str, str]] = {"GET": "prompts", "PATCH": "prompts"}

    @extend_schema(operation_id="readPromptVersion", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, name: str, number: int) -> Response:
        """Return the version with its labels."""
        return Response(show_version(_version(name, number)))

    @extend_schema(operation_id="labelPromptVersion", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def patch(self, request: Request, name: str, number: int) -> Response:
        """Have these labels name this version; each leaves the version it named before.

        202 where the organization wants a second person's word before ``production`` moves.
        """
        body, version = read_object(request, "bad_prompt"), _version(name, number)
        if set(body) - {"labels", "reason"}:
            raise Problem(422, "bad_prompt", "A version never changes; only its labels do: send {'labels': […]}.")
        try:
            waiting = label_by_hand(
                version=version, labels=body.get("labels"), reason=_word(body, "reason", ""),
                at=clock.now(self.principal.organization), actor=self.principal.name,
            )  # fmt: skip
        except BadPrompt as error:
            raise Problem(422, "bad_prompt", str(error)) from error
        told = show_version(version)
        if waiting:
            told["waits_for_a_second_person"] = [each.label for each in waiting]
        return Response(told, status=202 if waiting else 200)


def show_prompt(prompt: Any) -> dict[str, Any]:
    """Return a prompt as lists show it."""
    return {
        "name": prompt.name,
        "type": prompt.type,
        "description": prompt.description,
        "tags": prompt.tags,
        "owner": prompt.owner,
        "latest_version": prompt.latest,
        "labels": {each.label: each.version.number for each in prompt.standing},
        "created_by": prompt.created_by,
        "created_at": prompt.created_at,
    }


def show_version(version: PromptVersion, prompt: Prompt | None = None) -> dict[str, Any]:
    """Return a version as the API shows it."""
    standing = getattr(version, "standing", None)
    prompt = prompt or version.prompt
    return {
        "name": prompt.name,
        "type": prompt.type,
        "version": version.number,
        "prompt": version.content,
        "config": version.config,
        "variables": variables(version.content),
        "labels": selectors.labels_of(version) if standing is None else [each.label for each in standing],
        "content_hash": version.content_hash,
        "note": version.note,
        "parent": version.parent,
        "created_by": version.created_by,
        "created_at": version.created_at,
    }


def _named(name: str) -> Prompt:
    prompt = selectors.find_prompt(name)
    if prompt is None:
        raise Problem(404, "not_found", "There is no such prompt in this organization.")
    return prompt


def _version(name: str, number: int) -> PromptVersion:
    version = selectors.find_version(_named(name), number) if number <= _BIGGEST_NUMBER else None
    if version is None:
        raise Problem(404, "not_found", "There is no such version of this prompt.")
    return version


def _word(body: dict[str, Any], field: str, default: str) -> str:
    return read_text(body, field, "bad_prompt", longest=2_000, default=default)


def _words(body: dict[str, Any], field: str) -> list[str]:
    value = body.get(field, [])
    if not isinstance(value, list) or not all(isinstance(each, str) and "\x00" not in each for each in value):
        raise Problem(422, "bad_prompt", f"{field} is a list of texts.")
    return value
