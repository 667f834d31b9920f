"""GET /prompts/{name}, POST /assignments, GET /ruleset: answered from the process's picture, without the database."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import orjson
from django.http import HttpRequest, HttpResponse

from apps.experiments import serving
from apps.experiments.domain.assignment import shares
from apps.experiments.services import exposing
from apps.experiments.serving import Live, Served, Shelf
from apps.organizations.api.serving import (
    TTL,
    Refused,
    ServingView,
    answer_cached,
    answer_json,
    read_object,
    read_unit,
)
from apps.organizations.serving import Picture, ServingKey

_BIGGEST_BODY = 10_000


class _ShelfView(ServingView):
    pictures = serving.pictures


class PromptView(_ShelfView):
    """One prompt by its name, as it is to be used now."""

    scopes: ClassVar[dict[str, str]] = {"GET": "prompts"}

    def get(self, request: HttpRequest, picture: Picture[Shelf], key: ServingKey, name: str) -> HttpResponse:
        """Return the version for this unit, label or number, with the assignment that chose it."""
        query, shelf = request.GET, picture.content
        unit = read_unit(query.get("unit"))
        label = query.get("label") or None
        served = serving.serve(shelf, name, unit=unit, label=label, version=_number(query.get("version")))
        if served is None:
            raise Refused(404, "not_found", _why_not(shelf, name, label))
        _note(picture, served)
        body = show(served)
        return answer_cached(request, key, body, body["name"], body["served_hash"], _id(served))


class AssignmentsView(_ShelfView):
    """Which variant a unit has, for an application that keeps its prompts itself."""

    scopes: ClassVar[dict[str, str]] = {"POST": "prompts"}

    def post(self, request: HttpRequest, picture: Picture[Shelf], key: ServingKey) -> HttpResponse:
        """Return the unit's variant and assignment id; both null where the experiment does not enrol it.

        One that has ended answers with the variant it left behind, and no assignment.
        """
        body, shelf = read_object(request, longest=_BIGGEST_BODY), picture.content
        unit = read_unit(body.get("unit"))
        if not unit:
            raise Refused(422, "bad_unit", "unit names who is assigned.")
        experiment = str(body.get("experiment"))
        if (left := shelf.ended.get(experiment)) is not None:
            return answer_json({"variant": left[0], "assignment_id": None, "version": left[1]})
        live = {each.experiment: (name, each) for name, each in shelf.live.items()}.get(experiment)
        if live is None:
            raise Refused(404, "not_found", "There is no such live experiment in this organization.")
        served = serving.serve(shelf, live[0], unit=unit, label=live[1].label)
        if served is None or served.assigned is None:
            return answer_json(
                {"variant": None, "assignment_id": None, "version": served.version.number if served else None}
            )
        _note(picture, served)
        assigned = served.assigned
        return answer_json(
            {"variant": assigned.arm.key, "assignment_id": assigned.assignment_id, "version": assigned.arm.version}
        )


class RulesetView(_ShelfView):
    """Everything a client needs to assign and serve by itself, with the same outcome."""

    scopes: ClassVar[dict[str, str]] = {"GET": "prompts"}

    def get(self, request: HttpRequest, picture: Picture[Shelf], key: ServingKey) -> HttpResponse:
        """Return live experiments and the versions that labels and variants name."""
        shelf = picture.content
        rules = {
            "ttl": TTL,
            "experiments": [show_rule(name, live) for name, live in sorted(shelf.live.items())],
            "prompts": {name: _show_prompt(shelf, name) for name in sorted(shelf.prompts)},
        }
        digest = hashlib.sha256(orjson.dumps(rules, option=orjson.OPT_SORT_KEYS)).hexdigest()
        return answer_cached(request, key, rules, "", digest, "ruleset")


def show(served: Served) -> dict[str, Any]:
    """Return what was served, without its signature."""
    assigned = served.assigned
    return {
        "name": served.prompt.name,
        "version": served.version.number,
        "type": served.prompt.type,
        "prompt": served.version.content,
        "config": served.version.config,
        "labels": list(served.labels),
        "served_hash": served.version.content_hash,
        "ttl": TTL,
        "assignment": None
        if assigned is None or served.live is None
        else {
            "experiment": served.live.experiment,
            "variant": assigned.arm.key,
            "assignment_id": assigned.assignment_id,
        },
    }


def show_rule(name: str, live: Live) -> dict[str, Any]:
    """Return a live experiment as a client evaluates it. Arms begin with control; ``shares`` are theirs."""
    split = live.split
    return {
        "experiment": live.experiment,
        "prompt": name,
        "label": live.label,
        "phase": split.phase,
        "salt": split.salt,
        "share": split.share,
        "layer": split.layer,
        "slice": list(split.slice),
        "arms": [
            {"key": arm.key, "version": arm.version, "share": share}
            for arm, share in zip(split.arms, shares(split), strict=True)
        ],
    }


def _show_prompt(shelf: Shelf, name: str) -> dict[str, Any]:
    prompt = shelf.prompts[name]
    wanted = {*prompt.labels.values(), prompt.latest}
    if (live := shelf.live.get(name)) is not None:
        wanted |= {arm.version for arm in live.split.arms}
    return {
        "type": prompt.type,
        "labels": prompt.labels,
        "latest": prompt.latest,
        "versions": {
            str(number): {
                "prompt": prompt.versions[number].content,
                "config": prompt.versions[number].config,
                "served_hash": prompt.versions[number].content_hash,
            }
            for number in sorted(wanted)
        },
    }


def _note(picture: Picture[Shelf], served: Served) -> None:
    if served.assigned is not None:
        exposing.note(
            organization_id=picture.organization_id,
            assignment_id=served.assigned.assignment_id,
            served_hash=served.version.content_hash,
            at=picture.now,
        )


def _id(served: Served) -> str:
    return served.assigned.assignment_id if served.assigned else ""


def _number(value: str | None) -> int | None:
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Refused(422, "bad_version", "version is the number of a version.")
    return int(value)


def _why_not(shelf: Shelf, name: str, label: str | None) -> str:
    prompt = shelf.prompts.get(name)
    if prompt is None:
        return "There is no such prompt in this organization."
    named = ", ".join(sorted(prompt.labels)) or "none"
    return f"No version of {name} is {label or serving.DEFAULT_LABEL!r}; labels that stand: {named}."
