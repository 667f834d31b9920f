"""GET /prompts/{name}, POST /assignments, GET /ruleset: answered from the process's picture, without the database.

Plain views, not REST framework ones: this is the one address every reply of every application waits for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import orjson
from django.http import HttpRequest, HttpResponse
from django.views import View

from apps.experiments import serving
from apps.experiments.domain.assignment import shares
from apps.experiments.services import exposing
from apps.experiments.serving import Live, Picture, Served, ServingKey
from apps.organizations.api.authentication import read_secret
from apps.platform.api.problems import TRANSIENT, problem_body

# How long a client may go on with an answer without asking again, in seconds, and for how long in need.
TTL = 10
STALE = 600
_LONGEST_UNIT = 200
_BIGGEST_BODY = 10_000


class _Refused(Exception):
    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status, self.code, self.detail = status, code, detail


class ServingView(View):
    """A view for a key with the scope of the method; errors are problems, the database's absence a 503."""

    scopes: ClassVar[dict[str, str]] = {}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Find who calls, then answer."""
        handler: Callable[..., HttpResponse] | None = getattr(self, (request.method or "").lower(), None)
        try:
            if handler is None or request.method not in self.scopes:
                raise _Refused(405, "method_not_allowed", f"{request.method} is not allowed here.")
            picture, key = _caller(request)
            needed = self.scopes[request.method]
            if needed not in key.scopes:
                raise _Refused(403, "missing_scope", f"This key lacks the scope {needed!r}.")
            return handler(request, picture, key, *args, **kwargs)
        except _Refused as refused:
            return _problem(refused.status, refused.code, refused.detail)
        except TRANSIENT:
            answer = _problem(503, "temporarily_unavailable", "The database cannot be reached; try again.")
            answer.headers["Retry-After"] = "2"
            return answer


class PromptView(ServingView):
    """One prompt by its name, as it is to be used now."""

    scopes: ClassVar[dict[str, str]] = {"GET": "prompts"}

    def get(self, request: HttpRequest, picture: Picture, key: ServingKey, name: str) -> HttpResponse:
        """Return the version for this unit, label or number, with the assignment that chose it."""
        query = request.GET
        unit = _unit(query.get("unit"))
        label = query.get("label") or None
        served = serving.serve(picture, name, unit=unit, label=label, version=_number(query.get("version")))
        if served is None:
            raise _Refused(404, "not_found", _why_not(picture, name, label))
        _note(picture, served)
        return _cached(request, key, show(served), served.version.content_hash, _id(served))


class AssignmentsView(ServingView):
    """Which variant a unit has, for an application that keeps its prompts itself."""

    scopes: ClassVar[dict[str, str]] = {"POST": "prompts"}

    def post(self, request: HttpRequest, picture: Picture, key: ServingKey) -> HttpResponse:
        """Return the unit's variant and assignment id; both null where the experiment does not enrol it.

        One that has ended answers with the variant it left behind, and no assignment.
        """
        body = _body(request)
        unit = _unit(body.get("unit"))
        if not unit:
            raise _Refused(422, "bad_unit", "unit names who is assigned.")
        experiment = str(body.get("experiment"))
        if (left := picture.ended.get(experiment)) is not None:
            return _json({"variant": left[0], "assignment_id": None, "version": left[1]})
        live = {each.experiment: (name, each) for name, each in picture.live.items()}.get(experiment)
        if live is None:
            raise _Refused(404, "not_found", "There is no such live experiment in this organization.")
        served = serving.serve(picture, live[0], unit=unit, label=live[1].label)
        if served is None or served.assigned is None:
            return _json({"variant": None, "assignment_id": None, "version": served.version.number if served else None})
        _note(picture, served)
        assigned = served.assigned
        return _json(
            {"variant": assigned.arm.key, "assignment_id": assigned.assignment_id, "version": assigned.arm.version}
        )


class RulesetView(ServingView):
    """Everything a client needs to assign and serve by itself, with the same outcome."""

    scopes: ClassVar[dict[str, str]] = {"GET": "prompts"}

    def get(self, request: HttpRequest, picture: Picture, key: ServingKey) -> HttpResponse:
        """Return live experiments and the versions that labels and variants name."""
        rules = {
            "ttl": TTL,
            "experiments": [show_rule(name, live) for name, live in sorted(picture.live.items())],
            "prompts": {name: _show_prompt(picture, name) for name in sorted(picture.prompts)},
        }
        digest = hashlib.sha256(orjson.dumps(rules, option=orjson.OPT_SORT_KEYS)).hexdigest()
        return _cached(request, key, rules, digest, "ruleset")


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


def _show_prompt(picture: Picture, name: str) -> dict[str, Any]:
    prompt = picture.prompts[name]
    wanted = {*prompt.labels.values(), prompt.latest}
    if (live := picture.live.get(name)) is not None:
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


def _note(picture: Picture, served: Served) -> None:
    if served.assigned is not None:
        exposing.note(
            organization_id=picture.organization_id,
            assignment_id=served.assigned.assignment_id,
            served_hash=served.version.content_hash,
            at=picture.now,
        )


def _id(served: Served) -> str:
    return served.assigned.assignment_id if served.assigned else ""


def _caller(request: HttpRequest) -> tuple[Picture, ServingKey]:
    header = request.headers.get("Authorization", "")
    if not header:
        raise _Refused(401, "no_key", "Send an API key: Authorization: Bearer fw_live_…")
    found = serving.find(read_secret(header))
    if found is None:
        raise _Refused(401, "bad_key", "This API key is unknown, revoked or expired.")
    return found


def _unit(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_UNIT or not value.isprintable():
        raise _Refused(422, "bad_unit", f"A unit is a printable text of at most {_LONGEST_UNIT} characters.")
    return value


def _number(value: str | None) -> int | None:
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise _Refused(422, "bad_version", "version is the number of a version.")
    return int(value)


def _body(request: HttpRequest) -> Mapping[str, Any]:
    try:
        body = orjson.loads(request.read(_BIGGEST_BODY + 1))
    except orjson.JSONDecodeError as error:
        raise _Refused(400, "parse_error", "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise _Refused(422, "bad_body", "Send a JSON object.")
    return body


def _why_not(picture: Picture, name: str, label: str | None) -> str:
    prompt = picture.prompts.get(name)
    if prompt is None:
        return "There is no such prompt in this organization."
    named = ", ".join(sorted(prompt.labels)) or "none"
    return f"No version of {name} is {label or serving.DEFAULT_LABEL!r}; labels that stand: {named}."


def _cached(
    request: HttpRequest, key: ServingKey, body: dict[str, Any], served_hash: str, assignment_id: str
) -> HttpResponse:
    plain = orjson.dumps(body)
    etag = f'"{hashlib.sha256(plain).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        answer = HttpResponse(status=304)
    else:
        signature = serving.sign(key, body.get("name", ""), served_hash, assignment_id)
        answer = HttpResponse(orjson.dumps(body | {"signature": signature}), content_type="application/json")
    answer.headers["ETag"] = etag
    answer.headers["Cache-Control"] = f"private, max-age={TTL}, stale-while-revalidate={STALE}"
    answer.headers["Vary"] = "Authorization"
    return answer


def _json(body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(orjson.dumps(body), content_type="application/json")


def _problem(status: int, code: str, detail: str) -> HttpResponse:
    answer = HttpResponse(
        orjson.dumps(problem_body(status, code, detail)), status=status, content_type="application/problem+json"
    )
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
